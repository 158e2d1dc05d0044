"""Find the passages that a question asks for."""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from kb.models import Chunk, KnowledgeBase
from search.coverage import coverage
from search.embedders import EmbeddingError
from search.fuse import Fused, fuse
from search.join import join_neighbours
from search.keywords import Hit, KeywordError, open_keywords
from search.models import Index
from search.nearest import nearest_chunks
from search.passage import Passage
from search.stores import Neighbour
from search.tuning import Tuning, tunings_of

log = logging.getLogger(__name__)

MODES = ("hybrid", "vector", "keyword")
DEEPER = 10  # times as many candidates, where much of what the first look found is gone meanwhile
MOST_CHARACTERS = 4000  # of a question
COVERAGE_POWER = 8  # a model that reads .9 of a question keeps .43 of the weight; at .6 it is .017, at .4 nothing

EMBEDDING_AWAY = {
    "hybrid": _("The embedding model does not answer just now, so only words were compared."),
    "vector": _("The embedding model does not answer just now, so nothing can be found by meaning."),
}
KEYWORDS_AWAY = {
    "hybrid": _("The keyword index does not answer just now, so only meanings were compared."),
    "keyword": _("The keyword index does not answer just now, so nothing can be found by words."),
}


@dataclass(frozen=True)
class Retrieval:
    """What was found: passages, best first; sentences for the reader about the search; and how long it took.

    `milliseconds` is the whole, `steps` its parts: "vector", "keyword", "database".
    """

    passages: tuple[Passage, ...]
    notes: tuple[str, ...]
    milliseconds: float
    mode: str
    steps: dict[str, float] = field(default_factory=dict)


def retrieve(
    question: str,
    *,
    knowledge_bases: Iterable[KnowledgeBase],
    mode: str = "hybrid",
    limit: int = 8,
    tuning: Tuning | None = None,
    indexes: Sequence[Index] | None = None,
) -> Retrieval:
    """At most `limit` passages of these knowledge bases, which the caller has found the reader to be allowed to read.

    Every knowledge base is searched as its own settings say, or all as `tuning` says. `indexes` are asked instead of
    the serving ones (those of other knowledge bases are passed over). Raises ValueError for an unknown mode. An engine
    that does not answer is replaced by another, or named in a note.
    """
    if mode not in MODES:
        raise ValueError(f"{mode!r} is none of {', '.join(MODES)}.")
    wanted = [knowledge_base.pk for knowledge_base in knowledge_bases]
    asked = _serving(wanted) if indexes is None else _among(wanted, indexes)
    tunings = tunings_of({index.knowledge_base_id for index in asked}, tuning)
    search = _Search(question.strip()[:MOST_CHARACTERS], asked, tunings, mode)
    passages = search.passages(limit) if search.indexes and search.question else []
    return Retrieval(tuple(passages), tuple(search.notes), sum(search.steps.values()), mode, dict(search.steps))


def _serving(wanted: Sequence[UUID]) -> list[Index]:
    """The indexes that answer for these knowledge bases."""
    serving = Index.objects.filter(
        knowledge_base__in=wanted, knowledge_base__deleted_at=None, state=Index.State.SERVING
    )
    return list(serving.select_related("preset").order_by("pk"))


def _among(wanted: Sequence[UUID], indexes: Sequence[Index]) -> list[Index]:
    """Those of the indexes that are of these knowledge bases."""
    living = KnowledgeBase.objects.filter(pk__in=wanted, deleted_at=None).values_list("pk", flat=True)
    return [index for index in indexes if index.knowledge_base_id in set(living)]


class _Search:
    """One question on its way: where it looks, what there is to say of it, how long its steps took."""

    def __init__(self, question: str, indexes: Sequence[Index], tunings: Mapping[UUID, Tuning], mode: str) -> None:
        self.question, self.indexes, self.tunings, self.mode = question, indexes, tunings, mode
        self.notes: list[str] = []
        self.steps: defaultdict[str, float] = defaultdict(float)

    def passages(self, limit: int) -> list[Passage]:
        """Searched deeper once, where too few of the candidates are still there to be shown."""
        found: list[Passage] = []
        first = max(tuning.candidates for tuning in self.tunings.values())
        for depth in (first, DEEPER * first):
            self.notes.clear()
            near, hits = self._near(depth), self._hits(depth)
            fused = self._fused(near, hits)
            most = max(depth // 2, 4 * limit)
            candidates = {one.item for ranking in fused.values() for one in ranking[:most]}
            chunks = self._chunks(candidates)
            found = self._joined(self._ranked(fused, chunks), chunks, near, limit)
            if len(found) >= limit or len(chunks) == len(candidates):
                break
        return found

    def _near(self, depth: int) -> list[Neighbour]:
        if self.mode == "keyword":
            return []
        with self._timed("vector"):
            try:
                return nearest_chunks(self.question, self.indexes, depth)
            except EmbeddingError:
                log.exception("The question could not be embedded.")
                self.notes.append(str(EMBEDDING_AWAY[self.mode]))
                return []

    def _hits(self, depth: int) -> list[Hit]:
        if self.mode == "vector":
            return []
        with self._timed("keyword"):
            try:
                return open_keywords().best(self.question, indexes=[i.pk for i in self.indexes], limit=depth)
            except KeywordError:
                log.exception("The keyword index does not answer.")
                self.notes.append(str(KEYWORDS_AWAY[self.mode]))
                return []

    def _fused(self, near: Sequence[Neighbour], hits: Sequence[Hit]) -> dict[tuple[int, float], list[Fused]]:
        """All candidates by each way of weighing that is in use: a constant, and the weight of meanings."""
        legs = {"vector": [one.chunk_id for one in near], "keyword": [hit.chunk_id for hit in hits]}
        ways = {self._way(index) for index in self.indexes}
        alone = not near or not hits
        return {(k, weight): fuse(legs, {"vector": 1.0 if alone else weight}, k=k) for k, weight in sorted(ways)}

    def _way(self, index: Index) -> tuple[int, float]:
        """Meanings count less, and soon nothing, the more of the question the model cannot read."""
        tuning = self.tunings[index.knowledge_base_id]
        read = coverage(index.preset, self.question) if self.mode == "hybrid" else 1.0
        return tuning.rank_constant, tuning.vector_weight * read**COVERAGE_POWER

    def _ranked(self, fused: Mapping[tuple[int, float], Sequence[Fused]], chunks: dict[int, Chunk]) -> list[Fused]:
        """The candidates that are still there, each with the score that its own knowledge base gives it.

        Both legs rank all knowledge bases together, and a score is 1 for what is first in each of them, whatever the
        constants: so the scores of knowledge bases with different settings can stand in one list.
        """
        of = {index.knowledge_base_id: self._way(index) for index in self.indexes}
        ranked = [
            one
            for way, ranking in fused.items()
            for one in ranking
            if one.item in chunks and of[chunks[one.item].document.knowledge_base_id] == way
        ]
        return sorted(ranked, key=lambda one: (-one.score, min(one.ranks.values()), one.item))

    def _chunks(self, candidates: Iterable[Any]) -> dict[int, Chunk]:
        """The candidates that are in these indexes, by the database: rights and deletions are decided here again."""
        with self._timed("database"):
            chunks = Chunk.objects.filter(
                pk__in=candidates,
                chunking__in={index.chunking_id for index in self.indexes},
                document__indexed_in__index__in=[index.pk for index in self.indexes],
                document__knowledge_base__in=[index.knowledge_base_id for index in self.indexes],
                document__deleted_at=None,
            )
            return {chunk.pk: chunk for chunk in chunks.select_related("document")}

    def _joined(self, fused, chunks: dict[int, Chunk], near: Sequence[Neighbour], limit: int) -> list[Passage]:
        similarities = {one.chunk_id: one.similarity for one in near}
        ranked = [passage_of(chunks[one.item], one, similarities) for one in fused]
        return join_neighbours(self._in_turn(ranked), limit)

    def _in_turn(self, passages: Sequence[Passage]) -> list[Passage]:
        """No document fills the list: its passages beyond the first few come after those of the others."""
        seen: Counter = Counter()
        within: list[Passage] = []
        beyond: list[Passage] = []
        for passage in passages:
            seen[passage.document_id] += 1
            most = self.tunings[passage.knowledge_base_id].passages_a_document
            (within if seen[passage.document_id] <= most else beyond).append(passage)
        return within + beyond

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.steps[step] += (time.perf_counter() - begun) * 1000


def passage_of(chunk: Chunk, fused: Fused, similarities: dict[int, float]) -> Passage:
    """The chunk as it was found. Its document must be loaded."""
    return Passage(
        chunk_id=chunk.pk,
        document_id=chunk.document_id,
        knowledge_base_id=chunk.document.knowledge_base_id,
        title=chunk.document.title,
        text=chunk.text,
        start=chunk.start,
        end=chunk.end,
        heading_path=tuple(chunk.heading_path),
        page=chunk.page,
        boxes=tuple(tuple(box) for box in chunk.boxes),
        score=fused.score,
        ranks=fused.ranks,
        similarity=similarities.get(chunk.pk),
    )
