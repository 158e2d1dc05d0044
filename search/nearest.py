"""Find the nearest chunks of several indexes: by the vector store, or exactly while it does not answer."""

import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from django.conf import settings

from kb.acting import about
from kb.models import Chunk
from search import lane
from search.models import Index, Preset
from search.stores import Neighbour, StoreError, VectorStore, open_store
from search.stores.exact import ExactStore, TooSlow
from search.vectors import of_chunks, shorten

log = logging.getLogger(__name__)
OVERFETCH = 4  # times as many candidates where full vectors order what short ones found
MOST_RESCORED = 2000
AT_ONCE = 8  # collections asked at the same time


@dataclass(frozen=True)
class Near:
    """The nearest chunks, best first, and the indexes in which nothing could be compared in time."""

    neighbours: list[Neighbour]
    left_out: tuple[Index, ...] = ()


def nearest_chunks(question: str, indexes: Sequence[Index], limit: int, *, rescored: Collection[int] = ()) -> Near:
    """At most `limit`. Raises EmbeddingError where a question cannot be embedded; a store's failure is made good.

    Similarities of different models cannot be compared: while two are in use, their rankings take turns. `rescored`
    are the indexes (their numbers) whose short vectors only find candidates, which the full ones then order. While a
    store does not answer, all vectors are compared, for KB_EXACT_SECONDS at the most.
    """
    exact = ExactStore(settings.KB_EXACT_SECONDS)
    rankings = [_of_one_model(question, group, limit, rescored, exact) for group in _by_model(indexes)]
    in_turns = sorted(
        (rank, -one.similarity, one.chunk_id, one)
        for ranking in rankings
        for rank, one in enumerate(ranking.neighbours)
    )
    left_out = (index for ranking in rankings for index in ranking.left_out)
    return Near([one for *_, one in in_turns][:limit], tuple(left_out))


def _by_model(indexes: Sequence[Index]) -> list[list[Index]]:
    """Those that a question has one vector for: of one preset, asked with one instruction."""
    groups: dict[tuple[Preset, str], list[Index]] = defaultdict(list)
    for index in indexes:
        groups[index.preset, index.query_instruction].append(index)
    return list(groups.values())


def _of_one_model(
    question: str, indexes: Sequence[Index], limit: int, rescored: Collection[int], exact: ExactStore
) -> Near:
    with about(index.knowledge_base_id for index in indexes):
        vector = lane.embed_query(indexes[0].preset, question, indexes[0].query_instruction)
    short = {index.pk for index in indexes if index.pk in rescored and index.dimension < index.preset.dimension}
    depth = min(limit * OVERFETCH, max(limit, MOST_RESCORED)) if short else limit
    found: list[Neighbour] = []
    answers = _ask_each(indexes, vector, depth, exact)
    for index, neighbours in zip(indexes, answers, strict=True):
        found += _rescored(index, vector, neighbours or []) if index.pk in short else neighbours or []
    left_out = tuple(index for index, neighbours in zip(indexes, answers, strict=True) if neighbours is None)
    return Near(sorted(found, key=lambda one: (-one.similarity, one.chunk_id))[:limit], left_out)


def _rescored(index: Index, vector: np.ndarray, neighbours: Sequence[Neighbour]) -> list[Neighbour]:
    """The same chunks with their similarity by the full vectors, out of the database."""
    digests = Chunk.objects.filter(pk__in=[one.chunk_id for one in neighbours]).values_list("pk", "digest")
    chunk_ids, full = of_chunks(index, list(digests), index.preset.dimension)
    return [Neighbour(pk, float(similarity)) for pk, similarity in zip(chunk_ids, full @ vector, strict=True)]


def _ask_each(
    indexes: Sequence[Index], vector: np.ndarray, limit: int, exact: ExactStore
) -> list[list[Neighbour] | None]:
    """The store is asked on threads, as it answers over the network; the database from this one alone.

    None for an index whose vectors could not be compared in time.
    """
    asked = [index for index in indexes if index.store_ready and settings.KB_VECTOR_STORE != "exact"]
    store = open_store()
    if len(asked) > 1:
        with ThreadPoolExecutor(min(AT_ONCE, len(asked))) as threads:
            answers = list(threads.map(lambda index: _from_store(store, index, vector, limit), asked))
    else:
        answers = [_from_store(store, index, vector, limit) for index in asked]
    answered = {index.pk: answer for index, answer in zip(asked, answers, strict=True) if answer is not None}
    return [answered[index.pk] if index.pk in answered else _exactly(exact, index, vector, limit) for index in indexes]


def _from_store(store: VectorStore, index: Index, vector: np.ndarray, limit: int) -> list[Neighbour] | None:
    """None where the store does not answer, which the exact search makes good."""
    try:
        return store.nearest(index.collection, _cut(vector, index), limit)
    except StoreError as error:
        log.warning("Searching %s exactly: %s", index.collection, error)
        return None


def _exactly(exact: ExactStore, index: Index, vector: np.ndarray, limit: int) -> list[Neighbour] | None:
    """None where there is no time for it."""
    try:
        return exact.nearest(index.collection, _cut(vector, index), limit)
    except TooSlow as error:
        log.warning("%s", error)
        return None


def _cut(vector: np.ndarray, index: Index) -> np.ndarray:
    return shorten(vector[None, :], index.dimension)[0]
