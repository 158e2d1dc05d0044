"""Find the passages that a question asks for."""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

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

log = logging.getLogger(__name__)

MODES = ("hybrid", "vector", "keyword")
DEPTHS = (100, 1000)  # candidates of a leg; the second where much of what the first found is gone meanwhile
MOST_CHARACTERS = 4000  # of a question
A_DOCUMENT = 3  # passages of one document before others get their turn
# Measured on eight sets in English, German and Japanese (nDCG@10 with the default model): k 60 and equal weights .762,
# k 60 and half the weight for meanings .776, k 5 and half the weight .791; words alone .775, meanings alone .620.
RANK_CONSTANT = 5
VECTOR_WEIGHT = 0.5
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
    question: str, *, knowledge_bases: Iterable[KnowledgeBase], mode: str = "hybrid", limit: int = 8
) -> Retrieval:
    """At most `limit` passages of these knowledge bases, which the caller has found the reader to be allowed to read.

    Raises ValueError for an unknown mode. An engine that does not answer is replaced by another, or named in a note.
    """
    if mode not in MODES:
        raise ValueError(f"{mode!r} is none of {', '.join(MODES)}.")
    search = _Search(question.strip()[:MOST_CHARACTERS], _serving(knowledge_bases), mode)
    passages = search.passages(limit) if search.indexes and search.question else []
    return Retrieval(tuple(passages), tuple(search.notes), sum(search.steps.values()), mode, dict(search.steps))


def _serving(knowledge_bases: Iterable[KnowledgeBase]) -> list[Index]:
    """The indexes that answer for these knowledge bases."""
    wanted = [knowledge_base.pk for knowledge_base in knowledge_bases]
    serving = Index.objects.filter(
        knowledge_base__in=wanted, knowledge_base__deleted_at=None, state=Index.State.SERVING
    )
    return list(serving.select_related("preset").order_by("pk"))


class _Search:
    """One question on its way: where it looks, what there is to say of it, how long its steps took."""

    def __init__(self, question: str, indexes: Sequence[Index], mode: str) -> None:
        self.question, self.indexes, self.mode = question, indexes, mode
        self.notes: list[str] = []
        self.steps: defaultdict[str, float] = defaultdict(float)

    def passages(self, limit: int) -> list[Passage]:
        """Searched deeper once, where too few of the candidates are still there to be shown."""
        found: list[Passage] = []
        for depth in DEPTHS:
            self.notes.clear()
            near, hits = self._near(depth), self._hits(depth)
            fused = self._fused(near, hits)[: max(depth // 2, 4 * limit)]
            chunks = self._chunks(fused)
            found = self._joined(fused, chunks, near, limit)
            if len(found) >= limit or len(chunks) == len(fused):
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

    def _fused(self, near: Sequence[Neighbour], hits: Sequence[Hit]) -> list[Fused]:
        legs = {"vector": [one.chunk_id for one in near], "keyword": [hit.chunk_id for hit in hits]}
        return fuse(legs, {"vector": self._vector_weight() if near and hits else 1.0}, k=RANK_CONSTANT)

    def _vector_weight(self) -> float:
        """Less, and soon nothing, the more of the question the model cannot read."""
        presets = {index.preset for index in self.indexes}
        return VECTOR_WEIGHT * min(coverage(preset, self.question) for preset in presets) ** COVERAGE_POWER

    def _chunks(self, fused: Sequence[Fused]) -> dict[int, Chunk]:
        """The candidates that are in these indexes, by the database: rights and deletions are decided here again."""
        with self._timed("database"):
            chunks = Chunk.objects.filter(
                pk__in=[one.item for one in fused],
                chunking__in={index.chunking_id for index in self.indexes},
                document__indexed_in__index__in=[index.pk for index in self.indexes],
                document__knowledge_base__in=[index.knowledge_base_id for index in self.indexes],
                document__deleted_at=None,
            )
            return {chunk.pk: chunk for chunk in chunks.select_related("document")}

    def _joined(self, fused, chunks: dict[int, Chunk], near: Sequence[Neighbour], limit: int) -> list[Passage]:
        similarities = {one.chunk_id: one.similarity for one in near}
        ranked = [passage_of(chunks[one.item], one, similarities) for one in fused if one.item in chunks]
        return join_neighbours(_in_turn(ranked), limit)

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


def _in_turn(passages: Sequence[Passage]) -> list[Passage]:
    """No document fills the list: its passages beyond the third come after the others' first three."""
    seen: Counter = Counter()
    within: list[Passage] = []
    beyond: list[Passage] = []
    for passage in passages:
        seen[passage.document_id] += 1
        (within if seen[passage.document_id] <= A_DOCUMENT else beyond).append(passage)
    return within + beyond
