"""Lines on pages become headings and paragraphs."""

from ingestion.parsers.columns import PageLine, reading_order
from ingestion.parsers.layout import Outline, Page, blocks_of


def line(text, top, left=50.0, right=450.0, size=10.0, bold=False):
    return PageLine(text, size, left, top, right, top + size * 1.2, bold)


def page(*lines, number=1):
    return Page(number, 500.0, 700.0, lines)


def texts(*pages, outline=None):
    return [(block.kind, block.depth, block.text) for block in blocks_of(pages, outline or Outline())]


def test_lines_of_a_paragraph_are_joined_and_words_made_whole():
    lines = [line("The harbour is a light-", 100), line("house and two", 114), line("basins.", 128, right=90)]
    assert texts(page(*lines)) == [("paragraph", 0, "The harbour is a lighthouse and two basins.")]


def test_chinese_lines_are_joined_without_spaces():
    assert texts(page(line("港口有两个", 100), line("港池。", 114))) == [("paragraph", 0, "港口有两个港池。")]


def test_a_gap_parts_paragraphs():
    lines = [line("One.", 100), line("still one.", 114), line("still one.", 128), line("Two.", 170)]
    assert [text for *_, text in texts(page(*lines))] == ["One. still one. still one.", "Two."]


def test_larger_lines_are_headings_by_their_size():
    body = [line(f"Words that make up the body of this page, number {n}.", 200 + 14 * n) for n in range(12)]
    found = texts(page(line("Title", 50, size=20, right=150), line("Part", 150, size=14, right=120), *body))
    assert found[:2] == [("heading", 1, "Title"), ("heading", 2, "Part")]


def test_the_outline_knows_the_headings():
    found = texts(page(line("Rules", 50, right=90), line("Pay.", 90)), outline=Outline({(1, "rules"): 3}))
    assert found[0] == ("heading", 3, "Rules")


def test_running_headers_and_page_numbers_are_left_out():
    pages = [
        page(
            line("Norvale Harbour", 20),
            line(f"Text of page {n}.", 300),
            line(str(n), 680, left=240, right=250),
            number=n,
        )
        for n in range(1, 5)
    ]
    assert [text for *_, text in texts(*pages)] == [f"Text of page {n}." for n in range(1, 5)]


def test_a_sentence_goes_on_over_the_page():
    first = page(line("A first line that is full,", 600), line("and a second one that is full and", 614))
    second = page(line("goes on here.", 100, right=200), number=2)
    (block,) = blocks_of([first, second], Outline())
    assert block.text.endswith("full and goes on here.")
    assert [place[2] for place in block.lines] == [1, 1, 2]


def test_columns_that_come_by_turns_are_put_in_order():
    left = [line(f"left {n}", 100 + 14 * n, 50, 240) for n in range(8)]
    right = [line(f"right {n}", 100 + 14 * n, 260, 450) for n in range(8)]
    mixed = [line for pair in zip(left, right, strict=True) for line in pair]
    assert reading_order(mixed, 500.0) == left + right
    assert reading_order(left + right, 500.0) == left + right


def test_places_hold_even_for_a_dropped_hyphen():
    (block,) = blocks_of([page(line("a light-", 100), line("house", 114))], Outline())
    assert [block.text[start:end] for start, end, *_ in block.lines] == ["a light", "house"]
