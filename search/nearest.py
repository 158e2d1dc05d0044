"""Find the nearest chunks of several indexes: by the vector store, or exactly while it does not answer."""

import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from django.conf import settings

from kb.acting import about
from kb.models import Chunk
from search import lane
from search.models import Index, Preset
from search.stores import Neighbour, StoreError, VectorStore, open_store
from search.vectors import of_chunks, shorten

log = logging.getLogger(__name__)
OVERFETCH = 4  # times as many candidates where full vectors order what short ones found
MOST_RESCORED = 2000
AT_ONCE = 8  # collections asked at the same time


def nearest_chunks(
    question: str, indexes: Sequence[Index], limit: int, *, rescored: Collection[int] = ()
) -> list[Neighbour]:
    """The best first. Raises EmbeddingError where a question cannot be embedded; a store's failure is made good.

    Similarities of different models cannot be compared: while two are in use, their rankings take turns. `rescored`
    are the indexes (their numbers) whose short vectors only find candidates, which the full ones then order.
    """
    rankings = [_of_one_model(question, group, limit, rescored) for group in _by_model(indexes)]
    in_turns = sorted(
        (rank, -one.similarity, one.chunk_id, one) for ranking in rankings for rank, one in enumerate(ranking)
    )
    return [one for *_, one in in_turns][:limit]


def _by_model(indexes: Sequence[Index]) -> list[list[Index]]:
    """Those that a question has one vector for: of one preset, asked with one instruction."""
    groups: dict[tuple[Preset, str], list[Index]] = defaultdict(list)
    for index in indexes:
        groups[index.preset, index.query_instruction].append(index)
    return list(groups.values())


def _of_one_model(question: str, indexes: Sequence[Index], limit: int, rescored: Collection[int]) -> list[Neighbour]:
    with about(index.knowledge_base_id for index in indexes):
        vector = lane.embed_query(indexes[0].preset, question, indexes[0].query_instruction)
    short = {index.pk for index in indexes if index.pk in rescored and index.dimension < index.preset.dimension}
    depth = min(limit * OVERFETCH, max(limit, MOST_RESCORED)) if short else limit
    found: list[Neighbour] = []
    for index, neighbours in zip(indexes, _ask_each(indexes, vector, depth), strict=True):
        found += _rescored(index, vector, neighbours) if index.pk in short else neighbours
    return sorted(found, key=lambda one: (-one.similarity, one.chunk_id))[:limit]


def _rescored(index: Index, vector: np.ndarray, neighbours: Sequence[Neighbour]) -> list[Neighbour]:
    """The same chunks with their similarity by the full vectors, out of the database."""
    digests = Chunk.objects.filter(pk__in=[one.chunk_id for one in neighbours]).values_list("pk", "digest")
    chunk_ids, full = of_chunks(index, list(digests), index.preset.dimension)
    return [Neighbour(pk, float(similarity)) for pk, similarity in zip(chunk_ids, full @ vector, strict=True)]


def _ask_each(indexes: Sequence[Index], vector: np.ndarray, limit: int) -> list[list[Neighbour]]:
    """The store is asked on threads, as it answers over the network; the database from this one alone."""
    asked = [index for index in indexes if index.store_ready and settings.KB_VECTOR_STORE != "exact"]
    store = open_store()
    if len(asked) > 1:
        with ThreadPoolExecutor(min(AT_ONCE, len(asked))) as threads:
            answers = list(threads.map(lambda index: _from_store(store, index, vector, limit), asked))
    else:
        answers = [_from_store(store, index, vector, limit) for index in asked]
    answered = {index.pk: answer for index, answer in zip(asked, answers, strict=True) if answer is not None}
    return [answered[index.pk] if index.pk in answered else _exactly(index, vector, limit) for index in indexes]


def _from_store(store: VectorStore, index: Index, vector: np.ndarray, limit: int) -> list[Neighbour] | None:
    """None where the store does not answer, which the exact search makes good."""
    try:
        return store.nearest(index.collection, _cut(vector, index), limit)
    except StoreError as error:
        log.warning("Searching %s exactly: %s", index.collection, error)
        return None


def _exactly(index: Index, vector: np.ndarray, limit: int) -> list[Neighbour]:
    return open_store("exact").nearest(index.collection, _cut(vector, index), limit)


def _cut(vector: np.ndarray, index: Index) -> np.ndarray:
    return shorten(vector[None, :], index.dimension)[0]
