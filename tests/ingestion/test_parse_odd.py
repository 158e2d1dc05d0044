"""What real files do that no specification tells: forms, pages that nobody can read, mislabelled bytes."""

import pytest
from reportlab.pdfgen.canvas import Canvas

from ingestion.errors import IngestionError
from ingestion.parse import parse
from ingestion.parsers import ocr


def parsed(tmp_path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    return parse(tmp_path / name, name, tmp_path)


def text_of(result) -> str:
    return "\n".join(section.text for section in result.sections)


def test_what_is_filled_into_a_form_is_read_at_its_place(tmp_path):
    canvas = Canvas(str(tmp_path / "form.pdf"), pagesize=(400, 400))
    canvas.drawString(50, 350, "Application for a mooring in the northern basin")
    canvas.acroForm.textfield(name="boat", tooltip="Boat", value="Heron of Norvale", x=50, y=100, width=200, height=20)
    canvas.acroForm.textfield(name="empty", tooltip="Remarks", value="", x=50, y=50, width=200, height=20)
    canvas.save()
    result = parse(tmp_path / "form.pdf", "form.pdf", tmp_path)
    assert "Boat: Heron of Norvale" in text_of(result)
    assert "Remarks" not in text_of(result)
    left, top, right, bottom = result.sections[-1].lines[-1][3:]
    assert (left, right) == pytest.approx((50 / 400, 250 / 400), abs=0.01)
    assert (top, bottom) == pytest.approx((280 / 400, 300 / 400), abs=0.01)


def words(confidence: int) -> list[list[dict]]:
    box = {"left": "0", "top": "0", "width": "10", "height": "10"}
    return [[{"text": "letters", "conf": str(confidence), **box}]]


@pytest.mark.parametrize(("confidence", "guessed"), [(30, True), (75, False)])
def test_what_tesseract_only_guesses_is_not_taken_for_text(confidence, guessed, monkeypatch):
    from PIL import Image

    monkeypatch.setattr(ocr, "_recognised", lambda *_: words(confidence))
    reading = ocr.read(Image.new("L", (20, 20)), "eng", 20.0, 20.0, float("inf"))
    assert reading.guessed is guessed
    assert bool(reading.lines) is not guessed


def test_what_stands_after_an_entity_in_xml_is_not_lost(tmp_path):
    result = parsed(tmp_path, "a.xml", b'<!DOCTYPE a [<!ENTITY x "no">]><a>Before &x; and <?pi?>after</a>')
    assert text_of(result).split() == ["Before", "and", "after"]


def test_a_page_that_is_named_xml_is_read_as_the_page_it_is(tmp_path):
    head = '<!DOCTYPE HTML>\n<html><head><meta charset="x-sjis"><title>燈台</title></head>'
    page = head + "<body><p>髙い塔①</p></body></html>"
    result = parsed(tmp_path, "page.xml", page.encode("cp932"))
    assert (result.media_type, result.title, text_of(result)) == ("text/html", "燈台", "髙い塔①")


def test_a_mail_in_utf16_without_a_mark_is_a_mail(tmp_path):
    mail = "From: ines@harbour.example\nSubject: Ice\n\nThe northern basin is closed.\n"
    result = parsed(tmp_path, "ice.eml", mail.encode("utf-16-be"))
    assert result.title == "Ice"
    assert "closed" in result.sections[-1].text


def test_a_subject_in_bare_utf8_is_readable(tmp_path):
    assert (
        parsed(tmp_path, "a.eml", "From: a@b.example\nSubject: Café im Hafen\n\nText\n".encode()).title
        == "Café im Hafen"
    )


def test_a_program_in_disguise_is_called_one(tmp_path):
    with pytest.raises(IngestionError, match=r"not what its name says \(.pdf\)"):
        parsed(tmp_path, "invoice.pdf", b"MZ\x90\0\3\0\0\0 program")


def test_an_archive_of_archives_says_what_to_do(tmp_path):
    import zipfile

    for name, member in (("inner.zip", "a.txt"), ("outer.zip", "inner.zip")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.write(tmp_path / "inner.zip", member) if name == "outer.zip" else archive.writestr(member, "text")
    with pytest.raises(IngestionError, match="upload them by themselves"):
        parse(tmp_path / "outer.zip", "outer.zip", tmp_path)
