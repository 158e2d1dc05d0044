"""Every sample says what is written beside it; whatever is wrong with a file ends in a sentence."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

from ingestion.errors import IngestionError
from ingestion.parse import parse
from tests.requirements_present import program
from tests.samples.make import SAMPLES, expected_of

HERE = Path(__file__).parent.parent / "samples"


@pytest.fixture
def _tesseract():
    program("tesseract")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_read_as_expected(name):
    expected = json.loads((HERE / f"{name}.expected.json").read_text(encoding="utf-8"))
    assert expected_of(HERE / name) == expected


@pytest.mark.parametrize(
    "name", ["report.pdf", "handbook.docx", "slides.pptx", "figures.xlsx", "book.epub", "text.odt"]
)
def test_a_stored_file_needs_no_extension(name, tmp_path):
    """Originals are stored under their SHA-256; the name is what their owner calls them."""
    stored = tmp_path / ("a" * 64)
    shutil.copyfile(HERE / name, stored)
    assert parse(stored, name, tmp_path).sections


def parsed(path: Path, workspace: Path, **options):
    return parse(path, path.name, workspace, **options)


def refusal(path: Path, workspace: Path) -> str:
    with pytest.raises(IngestionError) as caught:
        parse(path, path.name, workspace)
    return caught.value.message


@pytest.mark.parametrize("name", ["report.pdf", "chinese.pdf", "columns.pdf"])
def test_lines_of_a_pdf_cover_its_sections_in_order(name, tmp_path):
    for section in parsed(HERE / name, tmp_path).sections:
        covered = [place[:2] for place in section.lines]
        assert covered[0][0] == 0
        assert covered[-1][1] == len(section.text)
        gaps = [section.text[a[1] : b[0]] for a, b in pairwise(covered)]
        assert all(gap in ("", " ", "\n") for gap in gaps)
        for start, end, page, left, top, right, bottom in section.lines:
            assert start < end
            assert page == section.page
            assert 0 <= left < right <= 1
            assert 0 <= top < bottom <= 1


def test_lines_stand_on_the_page_from_the_top_down(tmp_path):
    tops = [place[4] for s in parsed(HERE / "chinese.pdf", tmp_path).sections for place in s.lines]
    assert tops == sorted(tops)


def test_progress_is_told_page_by_page(tmp_path):
    told = []
    parsed(HERE / "report.pdf", tmp_path, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (4, 4)


def test_what_progress_raises_ends_the_parse(tmp_path):
    class Cancelled(Exception):
        pass

    def cancel(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        parsed(HERE / "report.pdf", tmp_path, progress=cancel)


def test_attachments_lie_in_the_workspace(tmp_path):
    attachments = parsed(HERE / "archive.zip", tmp_path).attachments
    assert all(attachment.path.parent == tmp_path for attachment in attachments)
    assert attachments[0].path.read_text(encoding="utf-8").startswith("Every boat")


def test_the_rows_of_a_table_survive(tmp_path):
    table = next(s for s in parsed(HERE / "handbook.docx", tmp_path).sections if s.kind == "table")
    assert table.table[0] == ("Boat", "Owner", "Length")
    assert table.table[2] == ("Tern", "Marta Oyelaran", "11.2")


def test_a_long_text_is_cut_and_nothing_is_lost(tmp_path):
    text = "The harbour is closed. " * 5000
    (tmp_path / "long.txt").write_text(text, encoding="utf-8")
    sections = parsed(tmp_path / "long.txt", tmp_path).sections
    assert len(sections) > 5
    assert all(len(s.text) <= 20_000 and s.text.endswith("closed.") for s in sections)
    assert " ".join(s.text for s in sections) == text.strip()


@pytest.mark.usefixtures("_tesseract")
@pytest.mark.parametrize("name", ["scan.pdf", "scan.png"])
def test_a_scan_is_recognised_with_its_places(name, tmp_path):
    result = parsed(HERE / name, tmp_path)
    assert "lighthouse keeper" in result.sections[0].text
    assert result.sections[0].lines
    assert "recognised" in result.notes[0]


@pytest.mark.parametrize("name", ["scan.pdf", "scan.png"])
def test_a_scan_without_tesseract_says_so(name, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "Tesseract" in refusal(HERE / name, tmp_path)


def test_a_protected_pdf_asks_for_the_password_to_be_removed(tmp_path):
    assert "password" in refusal(HERE / "protected.pdf", tmp_path)


@pytest.mark.parametrize("name", ["report.pdf", "handbook.docx", "figures.xlsx", "text.odt", "archive.zip"])
def test_a_file_that_is_cut_off_ends_in_a_sentence(name, tmp_path):
    cut = tmp_path / name
    cut.write_bytes((HERE / name).read_bytes()[:700])
    assert "damaged" in refusal(cut, tmp_path)


@pytest.mark.parametrize(
    ("name", "text"), [("a.txt", " \n\t\u3000"), ("a.md", "\n\n"), ("a.html", "<p></p>"), ("a.xml", "<a/>")]
)
def test_a_file_without_text_is_a_failure(name, text, tmp_path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert "No text was found" in refusal(tmp_path / name, tmp_path)


@pytest.mark.parametrize("name", ["word/document.xml", "zeros.txt"])
def test_a_bomb_is_not_unpacked(name, tmp_path):
    bomb = tmp_path / "bomb.docx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("[Content_Types].xml" if name.startswith("word") else "readme.txt", "<Types/>")
        out.writestr(name, b"0" * 60_000_000)
    assert "far more than it seems" in refusal(bomb, tmp_path)


def test_entities_are_not_resolved(tmp_path):
    bomb = '<!DOCTYPE b [<!ENTITY a "' + "x" * 50_000 + '">]><b><c>shown</c>' + "&a;" * 20_000 + "</b>"
    (tmp_path / "bomb.xml").write_text(bomb, encoding="utf-8")
    assert "x" * 100 not in parsed(tmp_path / "bomb.xml", tmp_path).sections[0].text


def test_deep_nesting_does_not_crash_anything(tmp_path):
    (tmp_path / "deep.json").write_text("[" * 100_000, encoding="utf-8")
    (tmp_path / "deep.html").write_text("<div><b>" * 20_000 + "the bottom", encoding="utf-8")
    assert "nested too deeply" in refusal(tmp_path / "deep.json", tmp_path)
    assert "the bottom" in parsed(tmp_path / "deep.html", tmp_path).sections[-1].text


def test_too_little_memory_is_a_sentence(tmp_path, settings):
    settings.KB_PARSE_MEMORY_MB = 256
    (tmp_path / "large.txt").write_text("words and words " * 6_000_000, encoding="utf-8")
    assert "too large or too complex" in refusal(tmp_path / "large.txt", tmp_path)


def test_too_little_time_is_a_sentence(tmp_path, settings):
    settings.KB_PARSE_SECONDS = 1
    (tmp_path / "large.txt").write_text("words and words\n\n" * 3_000_000, encoding="utf-8")
    assert "longer than 1 seconds" in refusal(tmp_path / "large.txt", tmp_path)


def test_a_killed_child_may_be_tried_again(tmp_path, monkeypatch):
    from ingestion import parse as seam
    from ingestion.sandbox import Ending

    monkeypatch.setattr(seam, "run_fenced", lambda *_: Ending(-signal.SIGKILL, False, ""))
    with pytest.raises(IngestionError) as caught:
        parsed(HERE / "report.pdf", tmp_path)
    assert caught.value.retry


def test_the_child_needs_no_settings_and_no_model():
    """Django, torch and spaCy would cost each file seconds and hundreds of megabytes."""
    code = (
        "import sys, ingestion.child, ingestion.assemble; from ingestion.parsers import PARSERS, parser_of\n"
        "for name in PARSERS: parser_of(name)\n"
        "from ingestion.parsers.elements import prepare; prepare()\n"
        "import unstructured.partition.docx, unstructured.partition.html, unstructured.partition.pptx\n"
        "print([m for m in ('django', 'torch', 'spacy', 'nltk') if m in sys.modules])"
    )
    environment = {**os.environ, "DO_NOT_TRACK": "1"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.strip() == "[]"


def test_a_killed_worker_leaves_no_orphan(tmp_path):
    """The worker dies by SIGKILL while the child hangs; the kernel takes the child, and what it started, along."""
    code = (
        "import sys, pathlib; from ingestion.sandbox import run_fenced, Limits\n"
        f"run_fenced('tests.ingestion.probe', ['orphan'], pathlib.Path({str(tmp_path)!r}), Limits(60, 512), print)"
    )
    worker = subprocess.Popen([sys.executable, "-uc", code], stdout=subprocess.PIPE, text=True)
    with worker:
        pids = [int(pid) for pid in worker.stdout.readline().split()]
        worker.kill()
    assert len(pids) == 2
    deadline = time.monotonic() + 10
    while any(_is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_is_alive(pid) for pid in pids)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
