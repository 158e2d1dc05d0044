"""Join passages that follow one another in a document into one."""

from collections.abc import Sequence
from dataclasses import replace

from search.passage import Passage

MOST_CHARACTERS = 3000  # of a joined passage: about three chunks
GAP = {0: "", 1: " ", 2: "\n\n"}  # what stands between two chunks: nothing, a space, or the end of a section


def join_neighbours(passages: Sequence[Passage], limit: int) -> list[Passage]:
    """The first `limit` passages in their order, those that touch or overlap as one, at the better one's place."""
    joined: list[Passage] = []
    for passage in passages:
        touching = next((place for place, other in enumerate(joined) if _touch(passage, other)), None)
        if touching is not None:
            _join_at(joined, touching, passage)
        elif len(joined) < limit:
            joined.append(passage)
        else:
            break
    return joined


def _join_at(joined: list[Passage], place: int, passage: Passage) -> None:
    """Join a passage to the one at this place, and to it those behind that it now touches."""
    joined[place] = _one_of(joined[place], passage)
    for other in joined[place + 1 :]:
        if _touch(joined[place], other):
            joined[place] = _one_of(joined[place], other)
            joined.remove(other)


def _touch(passage: Passage, other: Passage) -> bool:
    first, second = sorted((passage, other), key=lambda one: (one.start, one.end))
    return (
        passage.document_id == other.document_id
        and second.start - first.end <= max(GAP)
        and max(first.end, second.end) - first.start <= MOST_CHARACTERS
    )


def _one_of(better: Passage, other: Passage) -> Passage:
    """The place, page and headings of the better one; the text, boxes and twins of both."""
    first, second = sorted((better, other), key=lambda one: (one.start, one.end))
    return replace(
        better,
        text=_text_of(first, second),
        start=first.start,
        end=max(first.end, second.end),
        boxes=tuple(dict.fromkeys((*first.boxes, *second.boxes))),
        joined=(*better.joined, other.chunk_id, *other.joined),
        twins=(*better.twins, *other.twins),
    )


def _text_of(first: Passage, second: Passage) -> str:
    gap = second.start - first.end
    return first.text + (GAP[gap] + second.text if gap > 0 else second.text[-gap:])  # [-gap:] of 0: all of it
