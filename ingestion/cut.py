"""Cut a stretch of text into sentences, lines or, where there is nothing better, pieces of so many tokens."""

import re
import unicodedata
from collections.abc import Iterator

from ingestion.measure import Measure

Span = tuple[int, int]

CLOSING = r"[\"'”’»)\]」』）】》〉］]*"
SENTENCE_END = re.compile(
    rf"(?:(?<!\b[A-Za-z])(?<!\be\.g)(?<!\bi\.e)(?<!\b[DM]r)(?<!\bMrs)(?<!\bSt)(?<!\bvs)(?<!\bNo)(?<!\bFig)(?<!\bcf)(?<!\bal)"
    rf"(?<!\bapprox)(?<!\bProf)\.|[!?…]|\.{{2,4}}){CLOSING}(?=\s)"
    rf"|[。！？；｡]+{CLOSING}|\n\s*\n"
)
LINE_END = re.compile(r"\n+")
CLAUSE_END = re.compile(rf"[,;:、，：；—]{CLOSING}(?=\s|[^\x00-\x7f])|\n")
SPACE = re.compile(r"\s+")
JOINER = "\u200d"  # holds the parts of one emoji together


def sentences(text: str, span: Span) -> Iterator[Span]:
    """The sentences in the span, without the white space between them."""
    return _split(text, span, SENTENCE_END)


def lines(text: str, span: Span) -> Iterator[Span]:
    """The lines in the span that are not blank: a table's rows, the lines of a program."""
    return _split(text, span, LINE_END)


def within(text: str, span: Span, measure: Measure, budget: int) -> Iterator[Span]:
    """The span in pieces of at most `budget` tokens, cut where it hurts least: at clauses, between words, anywhere."""
    start, end = span
    while start < end:
        furthest = measure.reach(start, end, budget)
        cut = end if furthest >= end else _best_cut(text, start, furthest)
        yield from filter(None, [trimmed(text, (start, cut))])
        start = cut


def trimmed(text: str, span: Span) -> Span | None:
    """The span without white space around it; None where nothing else is in it."""
    start, end = span
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return (start + left, start + len(piece.rstrip())) if left < len(piece) else None


def _split(text: str, span: Span, boundary: re.Pattern[str]) -> Iterator[Span]:
    start, end = span
    for match in boundary.finditer(text, start, end):
        yield from filter(None, [trimmed(text, (start, match.end()))])
        start = match.end()
    yield from filter(None, [trimmed(text, (start, end))])


def _best_cut(text: str, start: int, furthest: int) -> int:
    middle = start + (furthest - start) // 2
    for boundary in (CLAUSE_END, SPACE):
        ends = [match.end() for match in boundary.finditer(text, middle, furthest)]
        if ends:
            return ends[-1]
    return _not_within_a_character(text, start, furthest)


def _not_within_a_character(text: str, start: int, cut: int) -> int:
    """A little earlier, where the cut would tear an accent from its letter or an emoji apart."""
    for earlier in range(cut, max(start, cut - 12), -1):
        if not (unicodedata.combining(text[earlier]) or _joined(text[earlier]) or text[earlier - 1] == JOINER):
            return earlier
    return cut


def _joined(letter: str) -> bool:
    return letter == JOINER or "\ufe00" <= letter <= "\ufe0f" or "\U0001f3fb" <= letter <= "\U0001f3ff"
