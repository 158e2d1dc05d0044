"""A document's text with its marks: pure, without a database."""

import pytest

from ingestion.boxes import Box, boxes_as_cited, boxes_by_page
from ingestion.reading import ROWS, Piece, Place, blocks_of, cut, text_between
from kb.models import Section

TABLE = [["Country", "Per day"], ["Germany", "28 EUR"], ["France", "32 EUR"]]


def sections(*parts) -> list[Section]:
    """Unsaved sections of (kind, text, fields)."""
    made, start = [], 0
    for ordinal, (kind, text, fields) in enumerate(parts):
        made.append(Section(ordinal=ordinal, kind=kind, text=text, start=start, **fields))
        start += len(text) + 2
    return made


@pytest.mark.parametrize(
    ("place", "pieces"),
    [
        (None, [("0123456789", "")]),
        (Place((100, 110)), [("0123456789", "passage")]),
        (Place((103, 200)), [("012", ""), ("3456789", "passage")]),
        (Place((0, 50)), [("0123456789", "")]),
        (Place((100, 108), ((102, 104),)), [("01", "passage"), ("23", "sentence"), ("4567", "passage"), ("89", "")]),
        (Place((100, 110), ((90, 105),)), [("01234", "sentence"), ("56789", "passage")]),
    ],
)
def test_text_is_cut_where_marks_begin_and_end(place, pieces):
    assert cut("0123456789", 100, place) == tuple(Piece(*piece) for piece in pieces)


def test_only_the_first_marked_block_is_where_the_page_opens():
    blocks = blocks_of(
        sections(("paragraph", "abc", {}), ("paragraph", "def", {}), ("paragraph", "ghi", {})), Place((5, 13))
    )
    assert [block.is_first_marked for block in blocks] == [False, True, False]


def test_list_items_that_follow_one_another_are_one_run():
    parts = ("list_item", "a", {}), ("list_item", "b", {}), ("paragraph", "c", {}), ("list_item", "d", {})
    runs = [block.run for block in blocks_of(sections(*parts), None)]
    assert runs[0] == runs[1]
    assert len(set(runs)) == 3


def test_pages_begin_where_the_number_changes():
    parts = ("paragraph", "a", {"page": 1}), ("paragraph", "b", {"page": 1}), ("paragraph", "c", {"page": 2})
    assert [block.begins_page for block in blocks_of(sections(*parts), None)] == [True, False, True]


def test_a_marked_row_of_a_table_is_marked_and_the_others_are_not():
    text = "\n".join(" | ".join(row) for row in TABLE)
    at = text.index("France")
    (block,) = blocks_of(sections(("table", text, {"table": TABLE})), Place((0, len(text)), ((at, at + 5),)))
    assert block.head == ("Country", "Per day")
    assert [(row.cells[0], row.mark) for row in block.rows] == [("Germany", "passage"), ("France", "sentence")]


def test_a_table_whose_lines_are_not_its_rows_is_marked_as_a_whole():
    (block,) = blocks_of(sections(("table", "all in one line", {"table": TABLE})), Place((0, 5)))
    assert {row.mark for row in block.rows} == {"passage"}


def test_of_a_huge_table_the_rows_around_the_marked_one_are_shown():
    rows = [["n"], *([str(n)] for n in range(5000))]
    text = "\n".join(row[0] for row in rows)
    at = text.index("\n4000\n") + 1
    (block,) = blocks_of(sections(("table", text, {"table": rows})), Place((at, at + 4)))
    assert len(block.rows) == ROWS
    assert block.left_out == 5000 - ROWS
    assert [row.cells for row in block.rows if row.mark] == [("4000",)]


def test_headings_stand_below_the_title_of_the_page():
    parts = ("heading", "a", {"depth": 1}), ("heading", "b", {"depth": 9}), ("heading", "c", {"depth": 0})
    assert [block.level for block in blocks_of(sections(*parts), None)] == [2, 6, 2]


def test_a_stretch_of_text_is_the_slice_of_the_joined_sections():
    parts = sections(("paragraph", "abc", {}), ("paragraph", "def", {}))
    assert text_between(parts, 1, 7) == "bc\n\nde"
    assert text_between(parts[1:], 5, 7) == "de"
    assert text_between([], 0, 5) == ""


def test_boxes_cover_the_marked_part_of_a_line():
    lines = [[0, 10, 3, 0.1, 0.2, 0.5, 0.25], [10, 20, 4, 0.1, 0.1, 0.5, 0.15]]
    found = boxes_by_page(sections(("paragraph", "x" * 20, {"lines": lines})), Place((5, 20), ((12, 14),)))
    assert found[3] == [Box(300, 200, 200, 50, "passage")]
    assert found[4] == [Box(100, 100, 400, 50, "passage"), Box(180, 100, 80, 50, "sentence")]


def test_boxes_kept_with_a_passage_are_shown_as_they_are():
    assert boxes_as_cited([[2, 0.1, 0.2, 0.3, 0.4]]) == {2: [Box(100, 200, 200, 200, "passage")]}


def test_the_page_opens_at_the_first_marked_sentence_of_the_passage():
    place = Place((0, 13), ((10, 13), (5, 8)))
    blocks = blocks_of(sections(("paragraph", "abc", {}), ("paragraph", "def", {}), ("paragraph", "ghi", {})), place)
    assert [block.is_first_marked for block in blocks] == [False, True, False]
