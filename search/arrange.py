"""Bring ranked passages into the order in which they are shown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from search.fold import fold
from search.passage import Passage
from search.settings.tuning import Tuning

SUPERSEDED = "superseded"
BEYOND = "beyond"


def in_turn(ranked: Sequence[Passage], tunings: Mapping[UUID, Tuning]) -> list[Passage]:
    """The passages anew: newest versions first, copies folded into the best, documents taking turns.

    Each rule applies to the passages of the knowledge bases whose tuning asks for it; what it puts further down
    carries its name in `moved`.
    """
    newest_first = _later(ranked, tunings)
    turns = _turns(_folded(newest_first, tunings), tunings)
    return sorted(turns, key=lambda one: (SUPERSEDED in one.moved, BEYOND in one.moved))


def _later(passages: Sequence[Passage], tunings: Mapping[UUID, Tuning]) -> list[Passage]:
    """Those of superseded versions behind all others."""
    marked = [
        replace(one, moved=(*one.moved, SUPERSEDED))
        if one.is_superseded and tunings[one.knowledge_base_id].superseded_last
        else one
        for one in passages
    ]
    return sorted(marked, key=lambda one: SUPERSEDED in one.moved)


def _folded(passages: Sequence[Passage], tunings: Mapping[UUID, Tuning]) -> list[Passage]:
    folding = {one.chunk_id for one in passages if tunings[one.knowledge_base_id].fold}
    kept = {one.chunk_id: one for one in fold([one for one in passages if one.chunk_id in folding])}
    return [kept.get(one.chunk_id, one) for one in passages if one.chunk_id not in folding or one.chunk_id in kept]


def _turns(passages: Sequence[Passage], tunings: Mapping[UUID, Tuning]) -> list[Passage]:
    """No document fills the list: its passages beyond the first few are marked, to come after those of the others."""
    seen: Counter = Counter()
    marked = []
    for one in passages:
        seen[one.document_id] += 1
        is_beyond = seen[one.document_id] > tunings[one.knowledge_base_id].passages_a_document
        marked.append(replace(one, moved=(*one.moved, BEYOND)) if is_beyond else one)
    return marked
