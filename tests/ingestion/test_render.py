"""Pictures of pages."""

import shutil

import pytest
from PIL import Image

from ingestion.errors import IngestionError
from ingestion.render import page_picture, page_sizes
from tests.samples.make import HERE


@pytest.fixture(autouse=True)
def _own_data(settings, tmp_path):
    settings.KB_DATA = tmp_path


@pytest.mark.parametrize("name", ["report.pdf", "scan.png"])
def test_a_page_is_a_picture_of_the_width_asked_for(name):
    with Image.open(page_picture(HERE / name, 1, width=400)) as picture:
        assert picture.format == "WEBP"
        assert picture.width == 400


def test_a_page_is_drawn_once(monkeypatch):
    first = page_picture(HERE / "report.pdf", 1)
    monkeypatch.setattr("ingestion.render.run_fenced", None)
    assert page_picture(HERE / "report.pdf", 1) == first
    assert page_picture(HERE / "report.pdf", 2).exists()


def test_pictures_lie_under_the_digest_of_the_file(tmp_path):
    stored = tmp_path / ("a" * 64)
    shutil.copyfile(HERE / "report.pdf", stored)
    assert page_picture(stored, 1).parent == tmp_path / "pages" / ("a" * 64)


def test_the_sizes_of_pages_are_known():
    assert page_sizes(HERE / "report.pdf") == ((420, 595),) * 4
    assert page_sizes(HERE / "scan.png") == ((900, 300),)


@pytest.mark.parametrize(("name", "number"), [("report.pdf", 9), ("protected.pdf", 1), ("notes.md", 1)])
def test_what_cannot_be_drawn_is_a_sentence(name, number):
    with pytest.raises(IngestionError, match="cannot be shown"):
        page_picture(HERE / name, number)
