"""A document is called what it calls itself, unless any other could be called so."""

import pytest

from ingestion.parsed import ParsedSection
from ingestion.title import tidy_title, top_heading


def heading(text: str, depth: int) -> ParsedSection:
    return ParsedSection(text, "heading", depth)


PROSE = ParsedSection("The harbour was opened in 1887.", "paragraph")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("  Handbook of\nthe harbour ", "Handbook of the harbour"),
        ("Microsoft Word - Annual report", "Annual report"),
        ("泊位", "泊位"), ("第一章 历史", "第一章 历史"), ("Chapter 2: Moorings", "Chapter 2: Moorings"),
    ],
)  # fmt: skip
def test_a_title_is_tidied(given, shown):
    assert tidy_title(given) == shown


@pytest.mark.parametrize(
    "title",
    [
        "", "x", "Untitled", "untitled 3", "PowerPoint Presentation", "Slide 1", "Section 1", "Section IV",
        "Chapter 2.", "第一章", "第 3 节", "report.docx", "C:/reports/final", "- - -", "Adobe Photoshop PDF",
        "演示文稿1", "Table of Contents",
    ],
)  # fmt: skip
def test_a_title_that_says_nothing_is_none(title):
    assert tidy_title(title) == ""


def test_the_one_highest_heading_is_the_title():
    assert top_heading([PROSE, heading("The harbour", 1), heading("Rules", 2), heading("Fees", 2)]) == "The harbour"


def test_of_several_chapters_none_is_the_title():
    assert top_heading([heading("History", 1), PROSE, heading("Rules", 1)]) == ""


def test_a_heading_far_from_the_beginning_is_no_title():
    assert top_heading([*[PROSE] * 12, heading("Appendix", 1)]) == ""


def test_a_text_without_headings_has_no_title():
    assert top_heading([PROSE]) == ""
