"""Split a passage's text into sentences that know where they stand."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["prose", "item", "row", "code"]

LONGEST = 420  # characters; a longer run without a full stop is cut at a comma or a space
CODE_SHARE = 0.5  # of a block's lines that look like code

ABBREVIATIONS = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "st",
        "sr",
        "jr",
        "rev",
        "hon",
        "gen",
        "col",
        "capt",
        "lt",
        "sgt",
        "gov",
        "sen",
        "rep",
        "pres",
        "mt",
        "ft",
        "no",
        "nos",
        "vol",
        "vols",
        "fig",
        "figs",
        "eq",
        "eqs",
        "sec",
        "ch",
        "chap",
        "pp",
        "p",
        "ed",
        "eds",
        "al",
        "vs",
        "v",
        "cf",
        "ca",
        "approx",
        "est",
        "dept",
        "inc",
        "ltd",
        "co",
        "corp",
        "bros",
        "univ",
        "assn",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sep",
        "sept",
        "oct",
        "nov",
        "dec",
        "mon",
        "tue",
        "tues",
        "wed",
        "thu",
        "thur",
        "thurs",
        "fri",
        "sat",
        "sun",
        "e.g",
        "i.e",
        "eg",
        "ie",
        "viz",
        "resp",
        "incl",
        "excl",
        "bzw",
        "z.b",
        "d.h",
    ]
)
BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")
ITEM = re.compile(
    r"\s*(?:[-*+•◦▪▸‣·–—●○■□◆◇]\s+|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]\s+|[（(]?[一二三四五六七八九十]{1,3}[)）、.．]\s*"
    r"|[①-⑳]\s*|\d{1,2}[、．]\s*)(?=\S)"
)
ROW = re.compile(r"[^\n]*(?:\t|\|[^|\n]*\|)")
LABEL = re.compile(r"\s*[^\s:：.。!?！？;；,，][^:：.。!?！？;；]{0,60}[:：]\s*\S")
CODE_LINE = re.compile(
    r"^(?:\s{4,}\S.*[=(){}\[\];]|\t\S.*[=(){}\[\];]|.*[{};]\s*$|.*\)\s*:\s*$|\s*(?:def|class|import|from|return|elif|except|public|"
    r"private|static|const|let|var|func|fn|package|using|#include|#define|SELECT|INSERT|UPDATE)\b.*[\w)\"'>;*{:]$"
    r"|\s*(?:\$|>>>|\.\.\.)\s\S|\s*</?[a-zA-Z][^>]*>\s*$|\s*[\w.]+\s*(?:=|\+=|:=|->|=>)\s*\S+\s*$|\s*[\w.]+\(.*\)\s*;?\s*$)"
)
FENCE = re.compile(r"\s*(?:```|~~~)")
STOP = re.compile(r"[。！？；｡…]+[”’」』）)】》〉\"']*|[.!?]+[\"'”’)\]»]*(?=\s|$|[\u3400-\u9fff])")
SOFT_STOP = re.compile(r"[，、,;:：]\s*|\s+")


@dataclass(frozen=True)
class Sentence:
    """A sentence, a list item, a table row or a block of code: `text` is the slice [start, end) of the passage."""

    start: int
    end: int
    text: str
    kind: Kind = "prose"


def sentences_of(text: str, parts: Iterable[tuple[int, int, str]]) -> list[Sentence]:
    """The same where it is known what parts of the text are: [start, end) and the kind of section of each, in order.

    Code stays whole, a table gives its rows, a list its items, and headings are left out. What stands before the first
    part is split by its looks.
    """
    found, at = [], 0
    for start, end, kind in parts:
        found += _shifted(split_sentences(text[at:start]), at)
        found += _of_part(text, start, min(end, len(text)), kind)
        at = max(at, end)
    return found + _shifted(split_sentences(text[at:]), at)


def _of_part(text: str, start: int, end: int, kind: str) -> list[Sentence]:
    if kind == "heading":
        return []
    if kind == "code":
        return [Sentence(start, end, text[start:end], "code")] if text[start:end].strip() else []
    if kind == "table":
        lines = (_trim(text, first, last, "row") for first, last in _lines(text, start, end))
        return [Sentence(first, last, text[first:last], "row") for first, last, _ in lines if first < last]
    inside = _shifted(split_sentences(text[start:end]), start)
    return [replace(one, kind="item") for one in inside] if kind == "list_item" else inside


def _shifted(sentences: list[Sentence], by: int) -> list[Sentence]:
    return [replace(one, start=one.start + by, end=one.end + by) for one in sentences]


def split_sentences(text: str) -> list[Sentence]:
    """The sentences in reading order; they do not overlap, and leave out nothing but white space."""
    found = (span for block in _blocks(text) for span in _of_block(text, *block))
    trimmed = (_trim(text, *span) for span in found)
    return [Sentence(start, end, text[start:end], kind) for start, end, kind in trimmed if start < end]


def _trim(text: str, start: int, end: int, kind: Kind) -> tuple[int, int, Kind]:
    piece = text[start:end]
    indent = "" if kind == "code" else piece[: len(piece) - len(piece.lstrip())]
    return start + len(indent), start + len(piece.rstrip()), kind


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """What stands between blank lines; a fenced block of code is one, with its blank lines."""
    begin, in_fence = 0, False
    for blank in BLANK_LINES.finditer(text):
        fences = sum(1 for line in text[begin : blank.start()].split("\n") if FENCE.match(line))
        in_fence = fences % 2 == 1
        if in_fence and FENCE.search(text, blank.end()):
            continue
        yield begin, blank.start()
        # the spaces before a block's first line are its own: they tell code
        begin = text.rfind("\n", 0, blank.end()) + 1
    yield begin, len(text)


def _of_block(text: str, start: int, end: int) -> Iterator[tuple[int, int, Kind]]:
    lines = list(_lines(text, start, end))
    if _is_code([text[a:b] for a, b in lines]):
        yield start, end, "code"
        return
    for begin, stop, kind in _paragraphs(text, lines):
        if kind == "row":
            yield begin, stop, kind
        else:
            yield from ((a, b, kind) for a, b in _of_prose(text, begin, stop))


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop
        yield start, stop
        start = stop + 1


def _is_code(lines: list[str]) -> bool:
    full = [line for line in lines if line.strip()]
    if full and FENCE.match(full[0]):
        return True
    return len(full) > 1 and sum(bool(CODE_LINE.match(line)) for line in full) / len(full) >= CODE_SHARE


def _paragraphs(text: str, lines: list[tuple[int, int]]) -> Iterator[tuple[int, int, Kind]]:
    """Rows one by one, items with the lines that go on with them, and runs of wrapped lines."""
    widest = max((stop - start for start, stop in lines), default=0)
    begin, end = -1, -1
    kind: Kind = "prose"
    for start, stop in lines:
        line = text[start:stop]
        fresh = _kind(line)
        goes_on = begin >= 0 and fresh == "prose" and kind != "row" and not _ends_short(text[begin:end], line, widest)
        if goes_on:
            end = stop
            continue
        if begin >= 0:
            yield begin, end, kind
        begin, end, kind = start, stop, fresh
    if begin >= 0:
        yield begin, end, kind


def _kind(line: str) -> Kind:
    if ROW.match(line) or (len(line) < 160 and LABEL.match(line) and not STOP.search(line)):
        return "row"
    return "item" if ITEM.match(line) else "prose"


def _ends_short(so_far: str, following: str, widest: int) -> bool:
    """Whether a line stops well before the margin and the next begins anew: a line of its own, not a wrapped one."""
    last = so_far.rpartition("\n")[2]
    return len(last) < 0.6 * widest and bool(re.match(r"\s*[A-Z0-9\u3400-\u9fff]", following))


def _of_prose(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    item = ITEM.match(text, start, end)
    begin, look = start, item.end() if item else start
    for stop in STOP.finditer(text, look, end):
        if _ends_sentence(text, begin, stop, end):
            yield from _cut(text, begin, stop.end())
            begin = stop.end()
    yield from _cut(text, begin, end)


def _ends_sentence(text: str, begin: int, stop: re.Match, end: int) -> bool:
    mark, rest = stop.group(), text[stop.end() : end].lstrip()
    if mark[0] in "。！？；｡":
        return True
    if mark != ".":  # "Why?" she asked.
        return not rest or not rest[0].islower()
    word = re.search(r"[\w.]*$", text[begin : stop.start()])
    before = word.group() if word else ""
    is_initial = len(before) == 1 and before.isalpha() and before.isupper() and before != "I"
    is_short = before.lower() in ABBREVIATIONS or re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", before)
    return not rest or not (rest[0].islower() or is_initial or is_short)


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentence, or its parts where it is too long to be read as one."""
    while end - start > LONGEST:
        soft = [m.end() for m in SOFT_STOP.finditer(text, start + LONGEST // 2, start + LONGEST)]
        strong = [at for at in soft if text[at - 1] in "，、,;:：" or text[at - 2] in ",;:"]
        at = (strong or soft or [start + LONGEST])[-1]
        yield start, at
        start = at
    yield start, end
