"""Content decides what a file is, its name only among text formats."""

import pytest

from ingestion.errors import IngestionError
from ingestion.sniff import sniff
from tests.samples.make import HERE, SAMPLES, WITHOUT_EXPECTED

FORMATS = {
    "report.pdf": "pdf", "handbook.docx": "docx", "corners.dotx": "docx", "slides.pptx": "pptx", "figures.xlsx": "xlsx",
    "book.epub": "epub", "text.odt": "odt", "letter.rtf": "rtf", "mail.eml": "eml", "archive.zip": "zip",
    "notes.md": "md", "page.html": "html", "guide.rst": "rst", "gb18030.txt": "txt", "shift_jis.txt": "txt",
    "utf16.txt": "txt", "boats.csv": "csv", "boats.json": "json", "feed.xml": "xml", "fees.ipynb": "ipynb",
    "fees.py": "code", "scan.png": "image", "chinese.pdf": "pdf", "columns.pdf": "pdf", "protected.pdf": "pdf",
    "scan.pdf": "pdf",
}  # fmt: skip


@pytest.mark.parametrize("name", [*SAMPLES, *WITHOUT_EXPECTED])
def test_each_sample_is_what_it_is(name):
    assert sniff(HERE / name, name).format == FORMATS[name]


@pytest.mark.parametrize(
    "name", [n for n, f in FORMATS.items() if f in ("pdf", "docx", "xlsx", "epub", "odt", "rtf", "image")]
)
def test_a_wrong_name_does_not_matter(name):
    assert sniff(HERE / name, "letter.txt").format == FORMATS[name]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"MZ\x90\0\3\0\0\0 program", "invoice.pdf"), (b"\x7fELF\2\1\1\0\0", "notes.txt"),
        (bytes(range(256)) * 40, "noise.txt"), (b"\x1f\x8b\x08\0\0\0\0\0", "data.tar.gz"),
        (b"ID3\4\0\0\0\0\0\0\0\0\0", "song.mp3"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_what_can(content, name, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(IngestionError, match="Files that can be read: PDF, Word"):
        sniff(tmp_path / "file", name)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty.txt").touch()
    with pytest.raises(IngestionError, match="empty"):
        sniff(tmp_path / "empty.txt", "empty.txt")


@pytest.mark.parametrize(
    ("content", "format"),
    [
        (b"<!DOCTYPE html><p>x", "html"), (b'<?xml version="1.0"?><a>x</a>', "xml"), (b"#!/bin/sh\necho x", "code"),
        (b"From: a@b\nSubject: x\n\nbody", "eml"), ("文".encode("utf-16"), "txt"),
        (("文字。" * 9).encode("gb18030"), "txt"),
    ],
)  # fmt: skip
def test_text_without_a_telling_name_is_looked_at(content, format, tmp_path):
    (tmp_path / "file").write_bytes(content)
    assert sniff(tmp_path / "file", "file").format == format
