"""Find the passages that a question asks for."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from kb.models import Chunk, KnowledgeBase
from search.arrange import in_turn
from search.coverage import coverage
from search.embedders import EmbeddingError
from search.explain import Candidate, Evidence, explain
from search.fuse import Fused, Ranking, fuse, in_order, places_of
from search.join import join_neighbours
from search.keywords import Hit, KeywordError, open_keywords
from search.models import Index
from search.nearest import nearest_chunks
from search.passage import Passage
from search.rerank import rerank
from search.settings.tuning import Tuning, tunings_of
from search.stores import Neighbour
from search.trust import look_at, trust_in_meanings

log = logging.getLogger(__name__)

MODES = ("hybrid", "vector", "keyword")
DEEPER = 10  # times as many candidates, where much of what the first look found is gone meanwhile
MOST_CHARACTERS = 4000  # of a question
COVERAGE_POWER = 8  # a model that reads .9 of a question keeps .43 of the weight; at .6 it is .017, at .4 nothing

EMBEDDING_AWAY = {
    "hybrid": _("The embedding model does not answer just now, so only words were compared."),
    "vector": _("The embedding model does not answer just now, so nothing can be found by meaning."),
}
TOO_MANY = {
    "hybrid": _("There are too many passages to compare all of them by meaning just now, so some only by their words."),
    "vector": _("There are too many passages to compare all of them by meaning just now, so some were left out."),
}
KEYWORDS_AWAY = {
    "hybrid": _("The keyword index does not answer just now, so only meanings were compared."),
    "keyword": _("The keyword index does not answer just now, so nothing can be found by words."),
}
WORDS_LACKING = {
    "hybrid": _("The keyword index is being filled again, so some passages were compared by their meaning alone."),
    "keyword": _("The keyword index is being filled again, so some passages are not found by their words yet."),
}


@dataclass(frozen=True)
class Retrieval:
    """What was found: passages, best first; sentences for the reader about the search; and how long it took.

    `milliseconds` is the whole, `steps` its parts: "vector", "keyword", "document", "database", "rerank".
    `candidates` say of everything that was looked at what became of it and why, in the order of the fused scores.
    """

    passages: tuple[Passage, ...]
    notes: tuple[str, ...]
    milliseconds: float
    mode: str
    steps: dict[str, float] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class Weighing:
    """How much each leg counts: the constant of reciprocal rank fusion, and the weights beside words, which weigh 1."""

    rank_constant: int
    vector: float
    document: float


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
    passages, candidates = search.run(limit) if search.indexes and search.question else ([], ())
    return Retrieval(
        tuple(passages), tuple(search.notes), sum(search.steps.values()), mode, dict(search.steps),
        candidates,
    )  # fmt: skip


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
        self._coverages: dict[int, float] = {}

    def run(self, limit: int) -> tuple[list[Passage], tuple[Candidate, ...]]:
        """Searched deeper once, where too few of the candidates are still there to be shown."""
        evidence, ordered, found = Evidence(), list[Passage](), list[Passage]()
        first = max(tuning.candidates for tuning in self.tunings.values())
        for depth in (first, DEEPER * first):
            self.notes.clear()
            evidence = self._evidence(depth, max(depth // 2, 4 * limit))
            ordered = in_turn(evidence.ranked, self.tunings)
            found = join_neighbours(ordered, limit)
            if len(found) >= limit or len(evidence.ranked) == len(evidence.considered):
                break
        return found, explain(found, ordered, evidence)

    def _evidence(self, depth: int, most: int) -> Evidence:
        """What the legs bring, the best `most` of it loaded, weighed again with their documents, and reranked."""
        near, hits, about = self._near(depth), self._hits(depth), self._about(depth)
        legs = {"vector": self._meanings(near), "keyword": Ranking.of((hit.chunk_id, hit.score) for hit in hits)}
        considered = {one.item for way in self._ways() for one in self._fused(legs, way)[:most]}
        chunks = self._chunks(considered)
        legs["document"] = Ranking.at({pk: about[c.document_id] for pk, c in chunks.items() if c.document_id in about})
        similarities = {one.chunk_id: one.similarity for one in near}
        weighed = self._weighed(legs, chunks, self._trust(near, hits, chunks))
        ranked = [passage_of(chunks[one.item], one, similarities) for one in weighed]
        keyword_scores = {hit.chunk_id: hit.score for hit in hits}
        return Evidence(tuple(self._reranked(ranked)), considered, keyword_scores)

    def _near(self, depth: int) -> list[Neighbour]:
        if self.mode == "keyword":
            return []
        with self._timed("vector"):
            try:
                rescored = [one.pk for one in self.indexes if self.tunings[one.knowledge_base_id].rescore]
                near = nearest_chunks(self.question, self.indexes, depth, rescored=rescored)
            except EmbeddingError:
                log.exception("The question could not be embedded.")
                self.notes.append(str(EMBEDDING_AWAY[self.mode]))
                return []
        if near.left_out:
            self.notes.append(str(TOO_MANY[self.mode]))
        return near.neighbours

    def _hits(self, depth: int) -> list[Hit]:
        if self.mode == "vector":
            return []
        if not all(index.words_ready for index in self.indexes):
            self.notes.append(str(WORDS_LACKING[self.mode]))
        with self._timed("keyword"):
            try:
                return open_keywords().best(self.question, indexes=[i.pk for i in self.indexes], limit=depth)
            except KeywordError:
                log.exception("The keyword index does not answer.")
                self.notes.append(str(KEYWORDS_AWAY[self.mode]))
                return []

    def _about(self, depth: int) -> dict[UUID, int]:
        """The place (from 1) of each document that is about the question, where a knowledge base asks for that."""
        asked = [one for one in self.indexes if self.tunings[one.knowledge_base_id].document_weight > 0]
        if self.mode != "hybrid" or not asked:
            return {}
        from search.route import documents_about

        with self._timed("document"):
            try:
                return {one.document_id: one.rank for one in documents_about(self.question, asked, depth)}
            except EmbeddingError:  # the vector leg has said so
                return {}

    def _meanings(self, near: Sequence[Neighbour]) -> Ranking:
        """Similarities of two models do not compare: then places alone count."""
        if len({index.preset_id for index in self.indexes}) > 1:
            return Ranking.at(places_of(one.chunk_id for one in near))
        return Ranking.of((one.chunk_id, one.similarity) for one in near)

    def _trust(self, near: Sequence[Neighbour], hits: Sequence[Hit], chunks: Mapping[int, Chunk]) -> float:
        """How far meanings are to be trusted in this question; as usual where similarities do not compare."""
        if not (near and hits) or len({index.preset_id for index in self.indexes}) > 1:
            return 1.0
        with self._timed("keyword"):
            return trust_in_meanings(look_at(self.question, near, hits, chunks, self.indexes))

    def _ways(self) -> list[Weighing]:
        return list(dict.fromkeys(self._way(index) for index in self.indexes))

    def _way(self, index: Index) -> Weighing:
        """Meanings count less, and soon nothing, the more of the question the model cannot read."""
        tuning = self.tunings[index.knowledge_base_id]
        read = self._read(index) if self.mode == "hybrid" else 1.0
        meanings = read**COVERAGE_POWER
        return Weighing(tuning.rank_constant, tuning.vector_weight * meanings, tuning.document_weight * meanings)

    def _read(self, index: Index) -> float:
        if index.preset_id not in self._coverages:
            self._coverages[index.preset_id] = coverage(index.preset, self.question)
        return self._coverages[index.preset_id]

    def _fused(self, legs: Mapping[str, Ranking], way: Weighing, trust: float = 1.0) -> list[Fused]:
        """All candidates by one way of weighing; a leg that is alone has its whole weight."""
        alone = sum(bool(legs[leg].places) for leg in ("vector", "keyword")) < 2
        weights = {"vector": 1.0 if alone else way.vector * trust, "document": way.document}
        return fuse(legs, weights, k=way.rank_constant)

    def _weighed(self, legs: Mapping[str, Ranking], chunks: Mapping[int, Chunk], trust: float) -> list[Fused]:
        """The candidates that are still there, each with the score that its own knowledge base gives it.

        Both legs rank all knowledge bases together, and a score is 1 for what is first in each of them, whatever the
        constants: so the scores of knowledge bases with different settings can stand in one list.
        """
        of = {index.knowledge_base_id: self._way(index) for index in self.indexes}
        ways = {pk: of[chunk.document.knowledge_base_id] for pk, chunk in chunks.items()}
        fused = (one for way in self._ways() for one in self._fused(legs, way, trust) if ways.get(one.item) == way)
        return in_order(fused)

    def _reranked(self, passages: list[Passage]) -> list[Passage]:
        if self.mode != "hybrid" or not any(tuning.rerank for tuning in self.tunings.values()):
            return passages
        with self._timed("rerank"):
            ordered, notes = rerank(self.question, passages, self.tunings)
        self.notes += notes
        return ordered

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
        shares=fused.shares,
        context=chunk.context,
        is_superseded=chunk.document.superseded_by_id is not None,
    )
