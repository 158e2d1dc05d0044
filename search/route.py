"""Find the documents that a question is about, by the vectors of their whole texts."""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from django.db.models import Count, Max, QuerySet

from kb.acting import about
from search import lane
from search.models import DocumentVector, Index
from search.vectors import decode, shorten

CACHE_BYTES = 200_000_000  # 130,000 documents at 384 numbers; the index asked for longest ago goes first
ROWS_AT_ONCE = 2000


@dataclass(frozen=True)
class DocumentHit:
    """A document, the cosine of its whole text to the question, and its place (from 1)."""

    document_id: UUID
    similarity: float
    rank: int


def documents_about(question: str, indexes: Sequence[Index], limit: int) -> list[DocumentHit]:
    """At most `limit` documents of these indexes' knowledge bases, the nearest first. Raises EmbeddingError.

    The caller has found the reader to be allowed to read them; documents without a vector of their whole text (yet)
    are not found. Similarities of different models cannot be compared: while two are in use, their rankings take turns.
    """
    groups: dict[tuple, list[Index]] = defaultdict(list)
    for index in indexes:
        groups[index.preset_id, index.query_instruction].append(index)
    rankings = [_of_one_model(question, group, limit) for group in groups.values()]
    turns = sorted((turn, -likeness, pk) for ranking in rankings for turn, (pk, likeness) in enumerate(ranking))
    return [DocumentHit(pk, -less, rank) for rank, (_, less, pk) in enumerate(turns[:limit], start=1)]


def _of_one_model(question: str, indexes: Sequence[Index], limit: int) -> list[tuple[UUID, float]]:
    with about(index.knowledge_base_id for index in indexes):
        vector = lane.embed_query(indexes[0].preset, question, indexes[0].query_instruction)
    found = [one for index in indexes for one in nearest_documents(index, vector, limit)]
    return sorted(found, key=lambda one: (-one[1], one[0]))[:limit]


def nearest_documents(index: Index, vector: np.ndarray, limit: int) -> list[tuple[UUID, float]]:
    """(document, cosine) of one index, exactly, at its dimension: `vector` is the preset's full one of a question."""
    matrix = _matrix_of(index)
    similarities = matrix.vectors @ shorten(vector[None, :], index.dimension)[0]
    limit = min(limit, len(similarities))
    if not limit:
        return []
    best = np.argpartition(-similarities, limit - 1)[:limit]
    found = [(matrix.documents[row], float(similarities[row])) for row in best]
    return sorted(found, key=lambda one: (-one[1], one[0]))


@dataclass(frozen=True)
class _Matrix:
    """An index's documents and their vectors (n, dimension) of length 1, as the database had them."""

    state: tuple
    documents: list[UUID]
    vectors: np.ndarray


_matrices: OrderedDict[int, _Matrix] = OrderedDict()
_loading = threading.Lock()


def _matrix_of(index: Index) -> _Matrix:
    """Read again only when a document's vector came, went or changed."""
    state = _state(index)
    with _loading:
        matrix = _matrices.pop(index.pk, None)
        if matrix is None or matrix.state != state:
            matrix = _load(index, state)  # under the lock, so that many questions at once read it once
        _matrices[index.pk] = matrix
        while len(_matrices) > 1 and sum(one.vectors.nbytes for one in _matrices.values()) > CACHE_BYTES:
            _matrices.popitem(last=False)
    return matrix


def _state(index: Index) -> tuple:
    counted = _vectors(index).aggregate(documents=Count("pk"), newest=Max("created_at"), last=Max("pk"))
    return (index.created_at, index.dimension, counted["documents"], counted["newest"], counted["last"])


def _load(index: Index, state: tuple) -> _Matrix:
    documents: list[UUID] = []
    blocks = [np.empty((0, index.dimension), np.float32)]
    rows = _vectors(index).order_by("pk").values_list("pk", "document_id", "data")
    last = 0
    while page := list(rows.filter(pk__gt=last)[:ROWS_AT_ONCE]):
        last = page[-1][0]
        documents += [document for _, document, _ in page]
        blocks.append(decode([data for *_, data in page], index.dimension))
    return _Matrix(state, documents, np.concatenate(blocks))


def _vectors(index: Index) -> QuerySet[DocumentVector]:
    return DocumentVector.objects.filter(
        preset=index.preset_id, document__knowledge_base=index.knowledge_base_id, document__deleted_at=None
    )
