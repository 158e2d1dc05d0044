"""Lines on pages to headings, paragraphs and list items."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from ingestion.parsed import Line
from ingestion.parsers import Block
from ingestion.parsers.columns import PageLine, reading_order
from ingestion.parsers.text import heading_depth

CJK = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
_BULLET = re.compile(r"[•·‣▪■●○◦]\s*\S|(?:[-–—*]|\d{1,2}[.)]|[(（]\d{1,2}[)）]|[a-z]\))\s+\S")
_ENDS = tuple('.!?:;。！？：；…」』”"')
_LONGEST_HEADING = 120
_MARGIN = 0.12  # of the page's height: where running headers and page numbers are


@dataclass(frozen=True)
class Page:
    number: int
    width: float
    height: float
    lines: Sequence[PageLine]


@dataclass(frozen=True)
class Outline:
    """The document's own list of contents: (page, title without white space) -> depth."""

    depths: dict[tuple[int, str], int] = field(default_factory=dict)

    def depth(self, page: int, text: str) -> int:
        if len(text) > _LONGEST_HEADING:
            return 0
        key = squeezed(text)
        bare = re.sub(r"^[\d.]+", "", key)
        return self.depths.get((page, key), 0) or (self.depths.get((page, bare), 0) if len(bare) > 3 else 0)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text).casefold()


@dataclass(frozen=True)
class _Style:
    """What the document as a whole tells: its body's size, the sizes of its headings, what repeats on its pages."""

    body: float
    depths: dict[float, int]
    running: frozenset[str]
    outline: Outline
    bold_marks: bool


def blocks_of(pages: Sequence[Page], outline: Outline) -> Iterator[Block]:
    """The blocks of a document, in reading order, each with the places of its lines."""
    style = _style(pages, outline)
    paragraphs: list[_Paragraph] = []
    for page in pages:
        for paragraph in _paragraphs(page, style):
            if paragraphs and _goes_on(paragraphs[-1], paragraph):
                paragraphs[-1].extend(paragraph)
                continue
            if len(paragraphs) > 1:
                yield paragraphs.pop(0).block()
            paragraphs.append(paragraph)
    yield from (paragraph.block() for paragraph in paragraphs)


# --- the document as a whole ---------------------------------------------------


def _style(pages: Sequence[Page], outline: Outline) -> _Style:
    sizes: Counter[float] = Counter()
    bold = count = 0
    for page in pages:
        for line in page.lines:
            sizes[line.size] += len(line.text)
            bold += line.bold
            count += 1
    body = max(sizes, key=lambda size: sizes[size], default=0.0)
    total = sizes.total()
    large = sorted((s for s, n in sizes.items() if s >= body * 1.15 and n < total * 0.2), reverse=True)
    return _Style(body, _depths(large), _running(pages, body), outline, 0 < bold < 0.15 * count)


def _depths(large: list[float]) -> dict[float, int]:
    """Sizes that hardly differ are one depth; there are no more than four."""
    depths: dict[float, int] = {}
    depth, last = 0, 0.0
    for size in large:
        if not depth or size < last * 0.93:
            depth, last = min(4, depth + 1), size
        depths[size] = depth
    return depths


def _running(pages: Sequence[Page], body: float) -> frozenset[str]:
    """Lines that stand, but for their numbers, at the edge of a third of the pages (of three at least)."""
    counts: Counter[str] = Counter()
    for page in pages:
        counts.update({_mask(line.text) for line in _edge_lines(page) if line.size < body * 1.15})
    return frozenset(text for text, n in counts.items() if n >= max(3, len(pages) * 0.3))


def _edge_lines(page: Page) -> list[PageLine]:
    edge = page.height * _MARGIN
    return [line for line in page.lines if line.bottom < edge or line.top > page.height - edge]


def _mask(text: str) -> str:
    return re.sub(r"\d+|\b[ivxlc]+\b", "#", squeezed(text))


def _is_running(page: Page, line: PageLine, style: _Style) -> bool:
    edge = page.height * _MARGIN
    if not (line.bottom < edge or line.top > page.height - edge):
        return False
    return _mask(line.text) in style.running or bool(re.fullmatch(r"[-–—\s]*\d{1,4}[-–—\s]*", line.text))


# --- one page --------------------------------------------------------------------


@dataclass
class _Paragraph:
    kind: str
    depth: int
    page: Page
    lines: list[tuple[Page, PageLine]]

    def extend(self, other: "_Paragraph") -> None:
        self.lines += other.lines

    def block(self) -> Block:
        right = max(line.right for _, line in self.lines)
        left = min(line.left for _, line in self.lines)
        text, places = "", []
        before: PageLine | None = None
        for page, line in self.lines:
            full = self.kind == "heading" or before is None or before.right > right - 0.15 * (right - left)
            text = join(text, line.text, full)
            start = len(text) - len(line.text)
            places.append(_place(page, line, max(0, start), len(text)))
            before = line
        return Block(text, self.kind, self.depth, self.page.number, _not_overlapping(places))


def join(text: str, line: str, full: bool = True) -> str:
    """Put a line after a text: hyphenated words become whole, Chinese goes on without a space, a line that did not
    reach the edge keeps its end."""
    if not text:
        return line
    if text[-1] == "-" and len(text) > 1 and text[-2].isalpha() and line[:1].islower():
        return text[:-1] + line
    if not full:
        return f"{text}\n{line}"
    if CJK.match(text[-1]) and CJK.match(line):
        return text + line
    return f"{text} {line}"


def _place(page: Page, line: PageLine, start: int, end: int) -> Line:
    across, down = page.width or 1, page.height or 1
    edges = (line.left / across, line.top / down, line.right / across, line.bottom / down)
    left, top, right, bottom = (round(min(1.0, max(0.0, edge)), 4) for edge in edges)
    return (start, end, page.number, left, top, right, bottom)


def _not_overlapping(places: list[Line]) -> tuple[Line, ...]:
    """A line's end moves back where a hyphen was dropped after it was placed."""
    ends = [place[0] for place in places[1:]] + [places[-1][1]]
    return tuple((p[0], min(p[1], end), *p[2:]) for p, end in zip(places, ends, strict=True))  # type: ignore[misc]


def _paragraphs(page: Page, style: _Style) -> Iterator[_Paragraph]:
    lines = [line for line in reading_order(page.lines, page.width) if not _is_running(page, line, style)]
    leading = _leading(lines)
    current: _Paragraph | None = None
    for number, line in enumerate(lines):
        before = lines[number - 1] if number else None
        depth = _heading_depth(page, line, before, style)
        kind = "heading" if depth else "list_item" if _BULLET.match(line.text) else "paragraph"
        if current and before and not _breaks(current, before, line, kind, depth, leading):
            current.lines.append((page, line))
            continue
        if current:
            yield current
        current = _Paragraph(kind, depth, page, [(page, line)])
    if current:
        yield current


def _leading(lines: Sequence[PageLine]) -> float:
    """The usual distance from a line to the next one, in points."""
    steps = [b.bottom - a.bottom for a, b in pairwise(lines)]
    steps = [step for step, line in zip(steps, lines, strict=False) if 0.5 * line.size < step < 3 * line.size]
    return median(steps) if steps else 0.0


def _heading_depth(page: Page, line: PageLine, before: PageLine | None, style: _Style) -> int:
    text = line.text
    if len(text) > _LONGEST_HEADING or not re.search(r"[^\W\d_]", text):
        return 0
    if depth := style.outline.depth(page.number, text):
        return depth
    if depth := style.depths.get(line.size, 0):
        return depth if re.search(r"[^\W\d_]{2}|" + CJK.pattern, text) else 0
    short = line.right - line.left < 0.7 * page.width
    if short and not text[:1].isdigit() and (depth := heading_depth(text, alone=True)):
        return depth
    apart = before is None or line.top - before.bottom > 0.3 * line.size or before.size > line.size
    if line.bold and style.bold_marks and apart and short and not text.endswith(_ENDS) and len(text) > 2:
        return min(5, max(style.depths.values(), default=0) + 1)
    return 0


def _breaks(current: _Paragraph, before: PageLine, line: PageLine, kind: str, depth: int, leading: float) -> bool:
    """Whether a new paragraph begins with this line."""
    if current.kind == "heading" or kind == "heading":
        same = current.kind == kind and current.depth == depth and abs(before.size - line.size) < 0.6
        step = line.bottom - before.bottom
        return not (same and 0 < step < 2.2 * line.size)
    step = line.bottom - before.bottom
    if abs(step) < 0.4 * line.size:  # beside it
        return False
    if kind == "list_item" or (max(before.size, line.size) > 1.25 * min(before.size, line.size)):
        return True
    if step < 0 or step > max(1.4 * leading, 1.1 * line.size):  # another column, or a gap
        return step > 0 or not _is_unfinished(current, before, line)
    if not before.text.endswith(_ENDS):
        return False
    right = max(other.right for _, other in current.lines)
    indented = line.left > before.left + 0.8 * line.size and current.kind != "list_item"
    return indented or before.right < max(right, line.right) - 0.15 * (right - before.left)


def _is_unfinished(current: _Paragraph, before: PageLine, line: PageLine) -> bool:
    """Whether the sentence goes on at the top of the next column or page."""
    if before.text.endswith(_ENDS) or before.size != line.size or current.kind == "heading":
        return False
    width = max(other.right - other.left for _, other in current.lines)
    full = before.right - before.left > 0.85 * width and len(before.text) > 15
    return full and (len(current.lines) > 1 or line.text[:1].islower() or bool(CJK.match(line.text)))


def _goes_on(last: _Paragraph, first: _Paragraph) -> bool:
    if first.kind != "paragraph" or last.kind == "heading" or first.page.number != last.lines[-1][0].number + 1:
        return False
    return _is_unfinished(last, last.lines[-1][1], first.lines[0][1])
