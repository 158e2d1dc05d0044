"""Part a passage's text into what is marked and what is not."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

BLANK_LINES = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Segment:
    """A piece of plain text, to be escaped where it is shown."""

    text: str
    is_marked: bool


LEAD = 60  # characters before the first mark that an excerpt keeps


def excerpt(text: str, start: int, marks: Iterable[Iterable[int]]) -> list[Segment]:
    """The same from shortly before the first mark on, without blank lines: a short view of the passage shows it."""
    pieces = [replace(piece, text=BLANK_LINES.sub("\n", piece.text)) for piece in segments(text, start, marks)]
    if len(pieces) > 1 and not pieces[0].is_marked and len(pieces[0].text) > LEAD:
        cut = pieces[0].text[-LEAD:]
        pieces[0] = Segment("… " + cut[cut.find(" ") + 1 :].lstrip(), False)
    return pieces


def segments(text: str, start: int, marks: Iterable[Iterable[int]]) -> list[Segment]:
    """All of the text, in order. It begins at offset `start` of the document's text, in which `marks` count too.

    Marks that lie outside or overlap are cut to what is left of them.
    """
    pieces, at = [], 0
    for first, last in sorted((int(a) - start, int(b) - start) for a, b in marks):
        first, last = max(first, at), min(last, len(text))
        if first < last:
            pieces += [Segment(text[at:first], False), Segment(text[first:last], True)]
            at = last
    pieces.append(Segment(text[at:], False))
    return [piece for piece in pieces if piece.text]
