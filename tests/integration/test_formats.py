"""Every format that is uploaded can be found; whatever is wrong with a file ends in a sentence and harms no other."""

import io
import zipfile
from pathlib import Path

import pytest

from tests.integration.lectern import until
from tests.requirements_present import program
from tests.samples.make import SAMPLES

pytestmark = [pytest.mark.integration, pytest.mark.django_db(databases=[])]

HERE = Path(__file__).parent.parent / "samples"
HARBOUR = "The harbour of Norvale was opened in 1887"
SAID = {  # what each sample is found by
    "archive.zip": "",
    "boats.csv": "苍鹭",
    "boats.json": "苍鹭",
    "chinese.pdf": "大约四十艘渔船以此为家",
    "columns.pdf": "left column line two",
    "corners.dotx": "In a control",
    "feed.xml": "The northern basin is closed",
    "fees.ipynb": "Twelve crowns a week",
    "fees.py": "Twelve crowns a week",
    "figures.xlsx": "Marta Oyelaran",
    "gb18030.txt": "大约四十艘渔船以此为家",
    "letter.rtf": "The harbour was opened in 1887",
    "mail.eml": "Every boat pays twelve crowns a week",
    "shift_jis.txt": "ノルヴェール港は1887年に開港しました",
}
SCANNED = "lighthouse keeper"


@pytest.fixture(scope="module")
def base(api):
    return api.post("/knowledge-bases", json={"name": "Formats"}).json()["id"]


@pytest.fixture(scope="module")
def upload(api, base):
    def send(*files: tuple[str, bytes]) -> dict:
        return api.post(f"/knowledge-bases/{base}/documents", files=[("file", file) for file in files]).json()

    return send


@pytest.fixture(scope="module")
def settled(api):
    """The document once nothing more happens to it."""

    def wait(document: dict) -> dict:
        def current():
            row = api.get(f"/documents/{document['id']}").json()
            return row if row["status"] in ("ready", "failed") else None

        return until(current, 180, f"{document['name']} to be ready or failed")

    return wait


@pytest.fixture(scope="module")
def samples(upload, settled):
    names = [*SAMPLES, "protected.pdf", "scan.pdf", "scan.png"]
    answer = upload(*((name, (HERE / name).read_bytes()) for name in names))
    assert answer["refused"] == []
    return {document["name"]: settled(document) for document in answer["documents"]}


def passages(api, base: str, query: str, mode: str) -> list[dict]:
    body = {"query": query, "knowledge_bases": [base], "top_k": 50, "mode": mode}
    return api.post("/search", json=body).json()["passages"]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_format_becomes_ready_and_is_found(name, samples, api, base):
    document = samples[name]
    assert (document["status"], document["error"]) == ("ready", "")
    said = SAID.get(name, HARBOUR)
    if not said:
        return
    for mode in ("keyword", "hybrid"):
        found = [p["text"] for p in passages(api, base, said, mode) if document["id"] in _said_by(p)]
        assert any(said in text.replace("\n", " ") for text in found), mode


def _said_by(passage: dict) -> set[str]:
    """The documents that say it, this passage's own and those that were folded into it."""
    return {passage["document"], *(twin["document"] for twin in passage["also_in"])}


def test_what_came_in_an_archive_becomes_ready(samples, settled, api, base):
    rows = api.get(f"/knowledge-bases/{base}/documents", params={"limit": 200}).json()["documents"]
    inside = [row for row in rows if row["folder"].startswith("archive.zip")]
    assert inside
    assert all(settled(row)["status"] == "ready" for row in inside)


@pytest.mark.parametrize("name", ["scan.pdf", "scan.png"])
def test_a_scan_is_found_by_what_is_written_on_it(name, samples, api, base):
    program("tesseract")
    assert samples[name]["status"] == "ready"
    assert "recognised in a picture" in samples[name]["note"]
    assert samples[name]["id"] in [p["document"] for p in passages(api, base, SCANNED, "keyword")]


def test_a_protected_pdf_says_what_to_do(samples):
    assert samples["protected.pdf"]["status"] == "failed"
    assert "Remove the password and upload it again." in samples["protected.pdf"]["error"]


def packed(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("UP", "../.."), content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.txt", b"", "This file is empty."),
        ("invoice.pdf", b"MZ\x90\0\3\0\0\0 program", "This file is not what its name says (.pdf), and cannot be read."),
        (
            "song.mp3",
            b"ID3\4" + bytes(60),
            "This kind of file (.mp3) cannot be read. Files that can be read: PDF, Word",
        ),
        ("cut.docx", (HERE / "handbook.docx").read_bytes()[:2000], "it is cut off or broken."),
    ],
    ids=["empty", "program named pdf", "song", "cut off"],
)
def test_what_can_be_seen_at_the_door_is_refused_there(name, content, sentence, upload):
    answer = upload((name, content))
    assert answer["documents"] == []
    assert sentence in answer["refused"][0]["reason"]


def test_bad_files_end_in_sentences_while_good_ones_become_ready(upload, settled, api, base):
    answer = upload(
        ("bomb.zip", packed(zeros=bytes(30_000_000))),
        ("damaged.pdf", (HERE / "report.pdf").read_bytes()[:700]),
        ("spaces.md", b" \n\n \t\n"),
        ("deep.json", b"[" * 100_000),
        ("good.txt", b"The ferry to Eastholm leaves at noon."),
        ("slip.zip", packed(UP__UP__slipped=b"out of the archive", inside=b"The cat of the harbour is called Kelp.")),
        ("entities.xml", b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>Before &x; and after</a>'),
    )
    assert answer["refused"] == []
    rows = {document["name"]: settled(document) for document in answer["documents"]}
    errors = {name: row["error"] for name, row in rows.items() if row["status"] == "failed"}
    assert errors == {
        "bomb.zip": "This archive would unpack into far more than it seems; it was not opened.",
        "damaged.pdf": "This PDF is damaged and cannot be opened. Upload it once more from its source.",
        "spaces.md": "No text was found in this file.",
        "deep.json": "This JSON file is nested too deeply to be read.",
    }
    assert "slipped" in rows["slip.zip"]["note"]
    assert "Eastholm" in passages(api, base, "When does the ferry leave?", "hybrid")[0]["text"]
    entities = api.get(f"/documents/{rows['entities.xml']['id']}/text").text
    assert "root:" not in entities
    assert "after" in entities
