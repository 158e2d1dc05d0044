"""Find the nearest vectors exactly, over the vectors that the database keeps."""

import time
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

import numpy as np
from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Sum

from kb.models import Chunk, Document
from search.models import Index, IndexedDocument, Vector
from search.stores import NAME, Neighbour, StoreError
from search.stores.exact_memory import Matrix, Memory
from search.vectors import are_vectors, decode

Block = tuple[np.ndarray, np.ndarray]  # chunk ids (n,) and their vectors (n, dimension) of length 1

MB = 1_000_000
ROWS_AT_ONCE = 8000
BLOCK_BYTES = 16 * MB  # of full vectors that are read at once
TOO_SLOW_SECONDS = 60.0  # for which an index that took too long is not begun again
PAGE = 500

# A vector belongs to a text, not to a chunk, so no foreign key leads from one to the other.
COLUMNS = "chunk.id", "chunk.id, vector.data"
ROWS, ROWS_WITH_VECTORS = (f"""
    SELECT {columns}
    FROM {Chunk._meta.db_table} chunk
    JOIN {Document._meta.db_table} document ON document.id = chunk.document_id
    JOIN {Vector._meta.db_table} vector ON vector.digest = chunk.digest AND vector.preset_id = %s
    WHERE chunk.chunking_id = %s AND document.deleted_at IS NULL
""" for columns in COLUMNS)  # fmt: skip
# The chunks that can be found in an index, from one on, with their vectors. A page comes first, so that no database
# begins with the vectors, and reads all of them for each page.
PAGE_OF_ROWS = f"""
    SELECT page.id, vector.data
    FROM (
        SELECT chunk.id, chunk.digest FROM {Chunk._meta.db_table} chunk
        WHERE chunk.chunking_id = %s AND chunk.id > %s AND EXISTS (
            SELECT 1 FROM {IndexedDocument._meta.db_table} listed
            JOIN {Document._meta.db_table} document ON document.id = listed.document_id
            WHERE listed.index_id = %s AND listed.document_id = chunk.document_id AND document.deleted_at IS NULL
        )
        ORDER BY chunk.id LIMIT %s
    ) AS page
    LEFT JOIN {Vector._meta.db_table} vector ON vector.digest = page.digest AND vector.preset_id = %s
"""


class TooSlow(StoreError):
    """To compare all vectors takes longer than may be waited for."""


class ExactStore:
    """The database is the store: nothing is added or removed here, and what it says is what the others should say.

    An index whose vectors fit into KB_EXACT_MEMORY_MB is read once and kept while it is asked for; a larger one is
    read block by block, and nothing of it kept. `seconds`, counted from the first question, is how long all questions
    to this instance may take together: what is not compared by then raises TooSlow, but an index that is being read
    to be kept is read to its end.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = seconds
        self._deadline: float | None = None

    def add(self, collection: str, chunk_ids: Sequence[int], vectors: np.ndarray) -> None:
        """Nothing to do: the vectors are where they are kept."""

    def remove(self, collection: str, chunk_ids: Sequence[int]) -> None:
        """Nothing to do: what the database forgets is forgotten."""

    def drop(self, collection: str) -> None:
        """Forget what is in memory."""
        memory.forget(_index_id(collection))

    def nearest(self, collection: str, vector: np.ndarray, limit: int) -> list[Neighbour]:
        index, question = _index(collection), np.asarray(vector, np.float32)
        if question.shape != (index.dimension,):
            raise StoreError(f"A vector of {question.shape} cannot be compared with {index.dimension} numbers.")
        if self._seconds is not None and self._deadline is None:
            self._deadline = time.monotonic() + self._seconds
        try:
            return nearest_of(self._blocks(index), question, limit)
        except TimeoutError:
            raise TooSlow(f"The vectors of {collection} cannot be compared in time.") from None

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
            cursor.execute(ROWS, [index.preset_id, index.chunking_id])
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                yield from (chunk_id for (chunk_id,) in rows)

    def dimension(self, collection: str) -> int | None:
        return _index(collection).dimension

    def collections(self) -> Iterator[str]:
        return (index.collection for index in Index.objects.order_by("pk"))

    def _blocks(self, index: Index) -> Iterable[Block]:
        """All vectors of the index, out of memory or the database. Raises TimeoutError, also on the way."""
        state = _state(index)
        matrix = memory.get(index.pk, state) or self._kept(index, state)
        return [(matrix.chunk_ids, matrix.vectors)] if matrix else self._passing(index)

    def _kept(self, index: Index, state: tuple) -> Matrix | None:
        """The index, read now to be kept; None where it is too large for that, or others are being read."""
        size, most = _rows_of(index) * index.dimension * 4, settings.KB_EXACT_MEMORY_MB * MB
        if size > most:
            return None
        with memory.alone(index.pk, self._left()):
            if matrix := memory.get(index.pk, state):  # another thread has read it meanwhile
                return matrix
            with memory.room(size, most) as fits:
                if not fits:
                    return None
                matrix = Matrix(state, *whole(index))
                memory.keep(index.pk, matrix)
                return matrix

    def _passing(self, index: Index) -> Iterator[Block]:
        """One block after the other, until there is no more time."""
        if self._deadline is not None and _too_slow_until.get(index.pk, 0.0) > time.monotonic():
            raise TimeoutError
        with memory.alone(index.pk, self._left()):
            for block in blocks_of(index):
                yield block
                try:
                    self._left()
                except TimeoutError:
                    _too_slow_until[index.pk] = time.monotonic() + TOO_SLOW_SECONDS
                    raise

    def _left(self) -> float:
        """Seconds until the deadline, -1 if there is none. Raises TimeoutError where it has passed."""
        if self._deadline is None:
            return -1
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


memory = Memory()
_too_slow_until: dict[int, float] = {}


def nearest_of(blocks: Iterable[Block], question: np.ndarray, limit: int) -> list[Neighbour]:
    """The `limit` nearest, best first; equal ones by chunk, so that the order is always the same."""
    ids, similarities, least = np.empty(0, np.int64), np.empty(0, np.float32), -np.inf
    for chunk_ids, vectors in blocks if limit > 0 else ():
        compared = vectors @ question
        if len(compared) > limit:  # what is farther than so many of this block needs no place among all
            least = max(least, np.partition(compared, -limit)[-limit])
        near = np.flatnonzero(compared >= least)
        ids, similarities = np.append(ids, chunk_ids[near]), np.append(similarities, compared[near])
        best = np.lexsort((ids, -similarities))[:limit]
        ids, similarities = ids[best], similarities[best]
        if len(best) == limit:
            least = similarities[-1]
    return [Neighbour(int(pk), float(one)) for pk, one in zip(ids, similarities, strict=True)]


def whole(index: Index) -> Block:
    """All vectors of what can be found in the index; at no time is more of them in memory than that and a block."""
    chunk_ids, there = np.empty(_rows_of(index), np.int64), 0
    vectors = np.empty((len(chunk_ids), index.dimension), np.float32)
    for ids, block in blocks_of(index):
        ids, block = ids[: len(chunk_ids) - there], block[: len(chunk_ids) - there]  # more came meanwhile
        chunk_ids[there : there + len(ids)], vectors[there : there + len(ids)] = ids, block
        there += len(ids)
    return chunk_ids[:there], vectors[:there]


def blocks_of(index: Index) -> Iterator[Block]:
    """The same, some at a time in the order of the chunks, each by a query of its own."""
    most, last = max(1, min(ROWS_AT_ONCE, BLOCK_BYTES // (4 * index.preset.dimension))), 0
    while rows := _page(index, last, most):
        last = rows[-1][0]
        there = _usable(index, [row for row in rows if row[1] is not None])
        yield np.array([pk for pk, _ in there], np.int64), decode([data for _, data in there], index.dimension)


def _page(index: Index, last: int, most: int) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(PAGE_OF_ROWS, [index.chunking_id, last, index.pk, most, index.preset_id])
        return sorted(cursor.fetchall(), key=itemgetter(0))  # the database would sort the vectors on its disk


def _state(index: Index) -> tuple:
    """What changes whenever a document comes into the index or leaves it: two numbers out of small rows."""
    documents = IndexedDocument.objects.filter(index=index, document__deleted_at=None)
    counted = documents.aggregate(documents=Count("pk"), newest=Max("indexed_at"))
    return (index.created_at, index.dimension, counted["documents"], counted["newest"])


def _rows_of(index: Index) -> int:
    documents = IndexedDocument.objects.filter(index=index, document__deleted_at=None)
    return documents.aggregate(n=Sum("chunks"))["n"] or 0


def _rows(index: Index, among: Sequence[int]) -> list[tuple]:
    places = ", ".join(["%s"] * len(among))
    with connection.cursor() as cursor:
        cursor.execute(f"{ROWS_WITH_VECTORS} AND chunk.id IN ({places})", [index.preset_id, index.chunking_id, *among])
        return _usable(index, cursor.fetchall())


def _usable(index: Index, rows: Sequence[tuple]) -> list[tuple]:
    """Those of which the database keeps what is a vector: the others would make nonsense of all."""
    right = are_vectors([data for _, data in rows], index.preset.dimension)
    return [row for row, is_one in zip(rows, right, strict=True) if is_one]


def _index_id(collection: str) -> int:
    """The index in a collection's name, which search.models.Index.collection made."""
    if not NAME.fullmatch(collection):
        raise StoreError(f"{collection} is not the name of an index's collection.")
    return int(collection.split("-")[1])


def _index(collection: str) -> Index:
    try:
        return Index.objects.select_related("preset").get(pk=_index_id(collection))
    except Index.DoesNotExist as error:
        raise StoreError(f"There is no index for {collection}.") from error
