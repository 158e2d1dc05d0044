"""A document's text as it is read: a window of blocks, with the passage and its sentences marked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kb.models import Section

Span = tuple[int, int]

ROWS = 300  # of one table that are shown at once


@dataclass(frozen=True)
class Place:
    """What is marked: a passage and the sentences in it, as [start, end) offsets in the document's text."""

    passage: Span
    sentences: tuple[Span, ...] = ()

    @property
    def opens_at(self) -> Span:
        """What the reader sees first: the first marked sentence, or the passage where none is."""
        return min(self.sentences, default=self.passage)


@dataclass(frozen=True)
class Piece:
    """A run of text that is marked in one way: not at all, as the passage or as one of its sentences."""

    text: str
    mark: str = ""


@dataclass(frozen=True)
class Row:
    """A row of a table and whether the passage reaches into it."""

    cells: tuple[str, ...]
    mark: str = ""


@dataclass(frozen=True)
class Block:
    """A section as it is shown. `run` is the same for list items that follow one another."""

    ordinal: int
    kind: str
    level: int
    pieces: tuple[Piece, ...]
    head: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    left_out: int = 0
    page: int | None = None
    begins_page: bool = False
    run: int = 0
    is_first_marked: bool = False


def blocks_of(sections: Iterable[Section], place: Place | None) -> list[Block]:
    """The sections, in their order, with what the place marks in them."""
    blocks: list[Block] = []
    page, run, kind, seen = None, 0, "", False
    for section in sections:
        if section.kind != "list_item" or kind != "list_item":
            run += 1
        first = place is not None and not seen and overlaps(place.opens_at, span_of(section))
        seen = seen or first
        begins = section.page is not None and section.page != page
        blocks.append(_block(section, place, run=run, begins_page=begins, is_first_marked=first))
        page, kind = section.page or page, section.kind
    return blocks


def _block(section: Section, place: Place | None, **more) -> Block:
    common = {"ordinal": section.ordinal, "kind": section.kind, "page": section.page, **more}
    level = min(max(section.depth, 1) + 1, 6)  # the page's own title is the only h1
    if section.table:
        head, rows, left_out = _rows(section, place)
        return Block(level=level, pieces=(), head=head, rows=rows, left_out=left_out, **common)
    return Block(level=level, pieces=cut(section.text, section.start, place), **common)


def _rows(section: Section, place: Place | None) -> tuple[tuple[str, ...], tuple[Row, ...], int]:
    """The header, the rows around what is marked, and how many are left out. A line of the text is a row."""
    head, *body = [tuple(str(cell if cell is not None else "") for cell in row) for row in section.table or ()]
    marks = _row_marks(section, place, len(body) + 1)
    rows = [Row(cells, marks[i + 1]) for i, cells in enumerate(body)]
    first = next((i for i, row in enumerate(rows) if row.mark), 0)
    begin = max(0, min(first - ROWS // 3, len(rows) - ROWS))
    return head, tuple(rows[begin : begin + ROWS]), max(0, len(rows) - ROWS)


def _row_marks(section: Section, place: Place | None, rows: int) -> list[str]:
    lines = section.text.split("\n")
    if place is None or not overlaps(place.passage, span_of(section)):
        return [""] * rows
    if len(lines) != rows:  # cells with line ends in them: no telling which line is which row
        return ["passage"] * rows
    marks, start = [], section.start
    for line in lines:
        marks.append(mark_of((start, start + len(line)), place))
        start += len(line) + 1
    return marks


def cut(text: str, start: int, place: Place | None) -> tuple[Piece, ...]:
    """The text, which begins at `start`, in pieces that are each marked in one way; joined they are the text."""
    if place is None:
        return (Piece(text),)
    edges = {0, len(text)}
    for span in (place.passage, *place.sentences):
        edges |= {min(max(edge - start, 0), len(text)) for edge in span}
    cuts = sorted(edges)
    return tuple(Piece(text[a:b], mark_of((a + start, b + start), place)) for a, b in pairwise(cuts))


def mark_of(span: Span, place: Place) -> str:
    """How a stretch of text is marked; what lies in a sentence is marked as that."""
    if any(overlaps(span, sentence) for sentence in place.sentences):
        return "sentence"
    return "passage" if overlaps(span, place.passage) else ""


def overlaps(a: Span, b: Span) -> bool:
    """Whether two stretches share a character."""
    return a[0] < b[1] and b[0] < a[1]


def span_of(section: Section) -> Span:
    """Where a section stands in the document's text."""
    return section.start, section.start + len(section.text)


def text_between(sections: Sequence[Section], start: int, end: int) -> str:
    """The document's text from start to end, of the sections that cover it."""
    if not sections:
        return ""
    first = sections[0].start
    return "\n\n".join(section.text for section in sections)[max(0, start - first) : max(0, end - first)]
