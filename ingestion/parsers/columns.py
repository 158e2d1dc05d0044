"""Put the lines of a page into the order in which they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median


@dataclass(frozen=True)
class PageLine:
    """A line of text; edges in points from the page's top left, size in points."""

    text: str
    size: float
    left: float
    top: float
    right: float
    bottom: float
    bold: bool = False


def reading_order(lines: Sequence[PageLine], width: float) -> list[PageLine]:
    """The lines as they come, unless those of two columns come by turns: then column by column, in the bands between
    the lines that reach across both."""
    middle = _gutter(lines, width)
    if middle is None:
        return list(lines)
    sides = [_side(line, middle) for line in lines]
    pairs = [(a, b) for a, b in pairwise(sides) if a and b]
    if sum(a != b for a, b in pairs) < max(4, len(pairs) // 3):
        return list(lines)
    ordered: list[PageLine] = []
    band: list[PageLine] = []
    for line in sorted(lines, key=lambda line: line.top):
        if _side(line, middle):
            band.append(line)
        else:
            ordered += sorted(band, key=lambda line: _side(line, middle))
            ordered.append(line)
            band = []
    return ordered + sorted(band, key=lambda line: _side(line, middle))


def _side(line: PageLine, middle: float) -> int:
    """1 left of the gutter, 2 right of it, 0 across it."""
    return 1 if line.right <= middle + 2 else 2 if line.left >= middle - 2 else 0


def _gutter(lines: Sequence[PageLine], width: float) -> float | None:
    """Where two columns of running text part: at the middle, and hardly a line crosses it."""
    texts = [line for line in lines if line.right - line.left > 0.25 * width]
    rights = [line.left for line in texts if 0.4 * width < line.left < 0.62 * width]
    if len(rights) < 5 or len(texts) < 12:
        return None
    middle = median(rights)
    crossing = sum(line.left < middle - 5 < middle + 5 < line.right for line in texts)
    return middle if crossing < len(texts) * 0.25 else None
