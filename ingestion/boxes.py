"""Where a passage stands on the pictures of its pages."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ingestion.reading import Place, Span, overlaps
from kb.models import Section


@dataclass(frozen=True)
class Box:
    """A marked stretch of a line, in thousandths of the page's width and height."""

    x: int
    y: int
    width: int
    height: int
    mark: str


def boxes_by_page(sections: Iterable[Section], place: Place) -> dict[int, list[Box]]:
    """The boxes of the passage, then those of its sentences, which lie above them."""
    found: dict[int, list[Box]] = defaultdict(list)
    lines = [line for section in sections for line in section.lines]
    for mark, spans in (("passage", (place.passage,)), ("sentence", place.sentences)):
        for line in lines:
            for span in spans:
                if overlaps((line[0], line[1]), span):
                    found[line[2]].append(_part(line, span, mark))
    return dict(found)


def boxes_as_cited(boxes: Iterable[Iterable[float]]) -> dict[int, list[Box]]:
    """The boxes kept with a passage, [page, left, top, right, bottom] each."""
    found: dict[int, list[Box]] = defaultdict(list)
    for page, left, top, right, bottom in boxes:
        found[int(page)].append(_box(left, top, right, bottom, "passage"))
    return dict(found)


def _part(line: list[float], span: Span, mark: str) -> Box:
    """The part of a line that the span covers, as if all its characters were equally wide."""
    start, end, _page, left, top, right, bottom = line
    a_character = (right - left) / max(1, end - start)
    begin = left + a_character * (max(span[0], start) - start)
    stop = right - a_character * (end - min(span[1], end))
    return _box(begin, top, stop, bottom, mark)


def _box(left: float, top: float, right: float, bottom: float, mark: str) -> Box:
    x, y = round(left * 1000), round(top * 1000)
    return Box(x, y, max(1, round(right * 1000) - x), max(1, round(bottom * 1000) - y), mark)
