"""Put a number behind the sentences that have none and that a passage bears out by its words."""

import re
from collections.abc import Sequence
from dataclasses import replace

from search.cite import CODE
from search.claims import claims_of
from search.support import ENOUGH, Support

WIDE = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]$")  # behind which no space is written
CELL_END = " \t|"


def lacks_numbers(answer: str) -> bool:
    """Whether something that it claims cites no passage."""
    return any(one.claims and not one.numbers for one in claims_of(answer))


def numbered(answer: str, supports: Sequence[Support]) -> tuple[str, tuple[Support, ...]]:
    """The answer with these numbers, and the supports of the sentences where they then stand.

    Sentences that follow one another in a paragraph and rest on the same passage share the number behind the last, as
    those of a model do.
    """
    code = [match.span() for match in CODE.finditer(answer)]
    text, moved, at = "", [], 0
    for here, following in zip(supports, [*supports, None][1:], strict=True):
        number, end = _derived(here), here.start + len(answer[here.start : here.end].rstrip(CELL_END))
        if number is None or any(start < end < stop for start, stop in code):
            moved.append(_at(here, len(text) - at))
            continue
        shift, mark = len(text) - at, ""
        if following is None or _derived(following) != number or "\n" in answer[here.end : following.start]:
            mark = f"[{number}]" if WIDE.search(answer[:end]) else f" [{number}]"
        text, at = text + answer[at:end] + mark, end
        moved.append(replace(_at(here, shift), end=here.end + shift + len(mark), numbers=(number,), derived=True))
    return text + answer[at:], tuple(moved)


def _derived(one: Support) -> int | None:
    """The passage that has most of it, where that is enough without a look at meanings."""
    is_strong = one.supported and not one.numbers and one.elsewhere and one.score >= ENOUGH
    return one.elsewhere[0] if is_strong else None


def _at(one: Support, shift: int) -> Support:
    return replace(one, start=one.start + shift, end=one.end + shift)
