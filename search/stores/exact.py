"""Find the nearest vectors exactly, over the vectors that the database keeps."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection
from django.db.models import Count, Max

from kb.models import Chunk, Document
from search.models import Index, IndexedDocument, Vector
from search.stores import Neighbour, StoreError
from search.vectors import are_vectors, decode

CACHE_BYTES = 600_000_000  # 390,000 vectors of 384 numbers; the index asked for longest ago goes first
ROWS_AT_ONCE = 2000
PAGE = 500

# A vector belongs to a text, not to a chunk, so no foreign key leads from one to the other.
ROWS = f"""
    SELECT chunk.id, vector.data
    FROM {Chunk._meta.db_table} chunk
    JOIN {Document._meta.db_table} document ON document.id = chunk.document_id
    JOIN {Vector._meta.db_table} vector ON vector.digest = chunk.digest AND vector.preset_id = %s
    WHERE chunk.chunking_id = %s AND document.deleted_at IS NULL
"""


@dataclass(frozen=True)
class Matrix:
    """An index in memory: chunk ids (n,) and their vectors (n, dimension) of length 1, as the database had them."""

    state: tuple
    chunk_ids: np.ndarray
    vectors: np.ndarray


class ExactStore:
    """The database is the store: nothing is added or removed here, and what it says is what the others should say."""

    def add(self, collection: str, chunk_ids: Sequence[int], vectors: np.ndarray) -> None:
        """Nothing to do: the vectors are where they are kept."""

    def remove(self, collection: str, chunk_ids: Sequence[int]) -> None:
        """Nothing to do: what the database forgets is forgotten."""

    def drop(self, collection: str) -> None:
        """Forget what is in memory."""
        with _loading:
            _matrices.pop(_index_id(collection), None)

    def nearest(self, collection: str, vector: np.ndarray, limit: int) -> list[Neighbour]:
        matrix = matrix_of(_index(collection))
        question = np.asarray(vector, np.float32)
        if question.shape != matrix.vectors.shape[1:]:
            raise StoreError(f"A vector of {question.shape} cannot be compared with {matrix.vectors.shape[1:]}.")
        similarities = matrix.vectors @ question
        limit = min(limit, len(similarities))
        if not limit:
            return []
        best = np.argpartition(-similarities, limit - 1)[:limit]
        neighbours = [Neighbour(int(matrix.chunk_ids[row]), float(similarities[row])) for row in best]
        return sorted(neighbours, key=lambda one: (-one.similarity, one.chunk_id))

    def missing(self, collection: str, chunk_ids: Sequence[int]) -> set[int]:
        index, absent = _index(collection), set(chunk_ids)
        for start in range(0, len(chunk_ids), PAGE):
            page = chunk_ids[start : start + PAGE]
            absent -= {chunk_id for chunk_id, _ in _rows(index, among=page)}
        return absent

    def vectors(self, collection: str, chunk_ids: Sequence[int]) -> tuple[list[int], np.ndarray]:
        index, found = _index(collection), []
        for start in range(0, len(chunk_ids), PAGE):
            found += _rows(index, among=chunk_ids[start : start + PAGE])
        return [pk for pk, _ in found], decode([data for _, data in found], index.dimension)

    def count(self, collection: str) -> int:
        index = _index(collection)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM ({ROWS}) AS found", [index.preset_id, index.chunking_id])
            return cursor.fetchone()[0]

    def ids(self, collection: str) -> Iterator[int]:
        index = _index(collection)
        with connection.cursor() as cursor:
            cursor.execute(ROWS.replace("chunk.id, vector.data", "chunk.id"), [index.preset_id, index.chunking_id])
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                yield from (chunk_id for (chunk_id,) in rows)

    def dimension(self, collection: str) -> int | None:
        return _index(collection).dimension

    def collections(self) -> Iterator[str]:
        return (index.collection for index in Index.objects.order_by("pk"))


_matrices: OrderedDict[int, Matrix] = OrderedDict()
_loading = threading.Lock()


def matrix_of(index: Index) -> Matrix:
    """The index's vectors, read again only when a document came or went."""
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
    """What changes whenever a document comes into the index or leaves it: two numbers out of small rows."""
    documents = IndexedDocument.objects.filter(index=index, document__deleted_at=None)
    counted = documents.aggregate(documents=Count("pk"), newest=Max("indexed_at"))
    return (index.created_at, index.dimension, counted["documents"], counted["newest"])


def _load(index: Index, state: tuple) -> Matrix:
    chunk_ids, blocks = [], [np.empty((0, index.dimension), np.float32)]
    for ids, block in _blocks(index):
        chunk_ids += ids
        blocks.append(block)
    return Matrix(state, np.array(chunk_ids, np.int64), np.concatenate(blocks))


def _blocks(index: Index) -> Iterator[tuple[list[int], np.ndarray]]:
    with connection.cursor() as cursor:
        cursor.execute(ROWS, [index.preset_id, index.chunking_id])
        while fetched := cursor.fetchmany(ROWS_AT_ONCE):
            rows = _usable(index, fetched)
            yield [chunk_id for chunk_id, _ in rows], decode([data for _, data in rows], index.dimension)


def _usable(index: Index, rows: Sequence[tuple]) -> list[tuple]:
    """Those of which the database keeps what is a vector: the others would make nonsense of all."""
    right = are_vectors([data for _, data in rows], index.preset.dimension)
    return [row for row, is_one in zip(rows, right, strict=True) if is_one]


def _rows(index: Index, among: Sequence[int]) -> list[tuple]:
    places = ", ".join(["%s"] * len(among))
    with connection.cursor() as cursor:
        cursor.execute(f"{ROWS} AND chunk.id IN ({places})", [index.preset_id, index.chunking_id, *among])
        return _usable(index, cursor.fetchall())


def _index_id(collection: str) -> int:
    """The index in a collection's name, which search.models.Index.collection made."""
    try:
        return int(collection.split("-")[1])
    except (IndexError, ValueError) as error:
        raise StoreError(f"{collection} is not the name of an index's collection.") from error


def _index(collection: str) -> Index:
    try:
        return Index.objects.get(pk=_index_id(collection))
    except Index.DoesNotExist as error:
        raise StoreError(f"There is no index for {collection}.") from error
