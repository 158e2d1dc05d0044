"""Say of every candidate of a question what became of it, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from search.passage import Passage

SHOWN, JOINED, FOLDED, BELOW, GONE = "shown", "joined", "folded", "below", "gone"


@dataclass(frozen=True)
class Evidence:
    """What a search had before it: passages as they were `ranked`, and the score of each chunk's words (BM25).

    `considered` are the chunks that were looked up in the database; those that are not among `ranked` are no longer
    there, or not the reader's to read.
    """

    ranked: tuple[Passage, ...] = ()
    considered: set[int] = field(default_factory=set)
    keyword_scores: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """A chunk that was looked at. Of one that is gone, nothing is known but its number.

    `ranks` and `shares` are by leg ("vector", "keyword", "document"): its place from 1, and what that gave to the
    fused `score`; `similarity` is the cosine, `keyword_score` BM25's. `place` is where it stood when the passages were
    put in order (from 1), after reranking. `fate` is "shown", "joined" or "folded" (into the passage of chunk `into`),
    "below" (others were better) or "gone"; `moved` names the rules that put it further down.
    """

    chunk_id: int
    fate: str
    document_id: UUID | None = None
    knowledge_base_id: UUID | None = None
    title: str = ""
    ranks: dict[str, int] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    score: float = 0.0
    similarity: float | None = None
    keyword_score: float | None = None
    rerank_score: float | None = None
    place: int | None = None
    into: int | None = None
    moved: tuple[str, ...] = ()


def explain(shown: Sequence[Passage], ordered: Sequence[Passage], evidence: Evidence) -> tuple[Candidate, ...]:
    """Every candidate that was considered: those still there by their fused score, then those that are gone.

    `ordered` is what the rules of search.arrange made of the ranked ones, `shown` what of it is shown.
    """
    fates = _fates(ordered, shown)
    moved = {one.chunk_id: one.moved for one in ordered}
    found = [
        _candidate(passage, place, evidence, fates.get(passage.chunk_id, (BELOW, None)), moved)
        for place, passage in enumerate(evidence.ranked, start=1)
    ]
    gone = sorted(evidence.considered - {one.chunk_id for one in evidence.ranked})
    return (
        *sorted(found, key=lambda one: (-one.score, one.place)),
        *(Candidate(pk, GONE) for pk in gone),
    )


def _fates(ordered: Sequence[Passage], shown: Sequence[Passage]) -> dict[int, tuple[str, int | None]]:
    """What became of each chunk that was folded, or is in what is shown."""
    fates: dict[int, tuple[str, int | None]] = {}
    for passage in (*ordered, *shown):
        fates |= {twin.chunk_id: (FOLDED, passage.chunk_id) for twin in passage.twins}
    for passage in shown:
        fates |= dict.fromkeys(passage.joined, (JOINED, passage.chunk_id))
        fates[passage.chunk_id] = (SHOWN, None)
    return fates


def _candidate(
    passage: Passage, place: int, evidence: Evidence, fate: tuple[str, int | None], moved: Mapping[int, tuple[str, ...]]
) -> Candidate:
    return Candidate(
        chunk_id=passage.chunk_id,
        fate=fate[0],
        document_id=passage.document_id,
        knowledge_base_id=passage.knowledge_base_id,
        title=passage.title,
        ranks=passage.ranks,
        shares=passage.shares,
        score=passage.score,
        similarity=passage.similarity,
        keyword_score=evidence.keyword_scores.get(passage.chunk_id),
        rerank_score=passage.rerank_score,
        place=place,
        into=fate[1],
        moved=moved.get(passage.chunk_id, ()),
    )
