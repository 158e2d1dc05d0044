"""How long the vector store itself takes at each dimension, and how much of the exact answer it finds.

The collection in use is asked as it is. For another dimension a collection is built out of the stored vectors, asked,
and dropped, as long as that is a matter of a minute; a worker that is killed meanwhile leaves one behind, which the
nightly check drops as belonging to nothing.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np
from django.conf import settings

from search.evaluation.measures import DEPTH, percentiles
from search.models import Index
from search.stores import StoreError, VectorStore, open_store
from search.vectors import shorten

log = logging.getLogger(__name__)
MOST_ROWS = 20_000  # vectors that are copied for a dimension
SECONDS = 60.0  # after which no further collection is built
TIMED = 20  # questions, one after the other
Blocks = Callable[[], Iterator[tuple[list[int], np.ndarray]]]  # chunk ids and their full vectors, some at a time


@dataclass(frozen=True)
class Exact:
    """What the store is held against: of `rows` vectors, each question's vector and its best chunks, by dimension."""

    rows: int
    questions: Mapping[int, np.ndarray]
    best: Mapping[int, np.ndarray]


def through_the_store(index: Index, exact: Exact, limit: int, blocks: Blocks) -> Iterator[tuple[int, dict[str, Any]]]:
    """(dimension, figures) of each dimension that can be asked, that in use first, then the nearest to it.

    Asked is for `limit` chunks, as chat does. The figures are the milliseconds of a question (p50, p95), the
    `agreement` (the share of the exact first ten that the store finds), whether the collection was the one `in_use`,
    and the `engine`. Nothing where the store is exact search.
    """
    if settings.KB_VECTOR_STORE == "exact":
        return
    begun = time.monotonic()
    for dimension in sorted(exact.questions, key=lambda one: abs(math.log(one / index.dimension))):
        in_use = dimension == index.dimension
        may_be_built = exact.rows <= MOST_ROWS and time.monotonic() - begun < SECONDS
        if not (index.store_ready if in_use else may_be_built):
            continue
        try:
            with _collection(open_store(), index, dimension, blocks) as collection:
                found = _ask(open_store(), collection, exact, dimension, limit)
        except StoreError as error:
            log.warning("The vector store was not measured at %d dimensions: %s", dimension, error)
            continue
        yield dimension, {**found, "in_use": in_use, "engine": settings.KB_VECTOR_STORE}


@contextmanager
def _collection(store: VectorStore, index: Index, dimension: int, blocks: Blocks) -> Iterator[str]:
    """The name of one that holds the index's vectors at this dimension. Raises StoreError."""
    if dimension == index.dimension:
        yield index.collection
        return
    name = f"curve-{uuid4().hex[:12]}-{dimension}"
    try:
        for chunk_ids, vectors in blocks():
            store.add(name, chunk_ids, shorten(vectors, dimension))
        yield name
    finally:
        store.drop(name)


def _ask(store: VectorStore, collection: str, exact: Exact, dimension: int, limit: int) -> dict[str, Any]:
    questions = exact.questions[dimension][:TIMED]
    store.nearest(collection, questions[0], limit)  # what is read at first is not part of any answer
    milliseconds, shared, wanted = [], 0, 0
    for vector, best in zip(questions, exact.best[dimension], strict=False):
        begun = time.perf_counter()
        found = store.nearest(collection, vector, limit)
        milliseconds.append((time.perf_counter() - begun) * 1000)
        right = {int(pk) for pk in best if pk >= 0}
        shared += len(right & {one.chunk_id for one in found[:DEPTH]})
        wanted += len(right)
    return {**percentiles(milliseconds), "agreement": round(shared / max(1, wanted), 4)}
