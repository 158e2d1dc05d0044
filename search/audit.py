"""Hold the derived indexes against the database, and rebuild what is not right, without embedding anything."""

import logging
import random
from collections.abc import Iterator

import numpy as np
from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from kb.models import Chunk
from search import vectors
from search.generations import suspend
from search.keywords import KeywordError, KeywordIndex, open_keywords
from search.models import Index, IndexedDocument
from search.place import PAGE, NotFindable, add_to_store, entry_of
from search.stores import StoreError, VectorStore, open_store
from search.unembedded import hand_over

log = logging.getLogger(__name__)
A_SWEEP = 20  # indexes: with a thousand of them, a sweep still takes a second, and each is checked every few minutes
MOST_SAMPLED = 10_000  # documents that a sample is drawn from
IS_ITSELF, IS_EQUAL = 0.99, 0.999  # similarities
SAMPLE = 5  # chunks an index that are looked up by their own vector at each sweep


def mend_indexes() -> None:
    """One sweep: rebuild the suspended indexes; of the others, check those that were not checked for longest."""
    store, keywords = open_store(), open_keywords()
    for index in _due():
        mend_words(keywords, index)
        if index.store_ready and not is_right(store, index):
            suspend(index)
        if not index.store_ready and answers(store):
            rebuild(store, index)
        Index.objects.filter(pk=index.pk).update(audited_at=timezone.now())


def _due() -> list[Index]:
    used = Index.objects.exclude(state=Index.State.RETIRED).select_related("preset", "knowledge_base")
    oldest_first = used.filter(store_ready=True).order_by(F("audited_at").asc(nulls_first=True), "pk")
    return [*used.filter(store_ready=False), *oldest_first[:A_SWEEP]]


def expected(index: Index) -> int:
    """How many chunks the index must hold."""
    return IndexedDocument.objects.filter(index=index).aggregate(n=Sum("chunks"))["n"] or 0


def is_right(store: VectorStore, index: Index) -> bool:
    """Whether the store has as many entries as it must, and finds a sample of them by their own vectors.

    A count alone proves nothing: Chroma went on counting entries that could no longer be found.
    """
    want = expected(index)
    if not want:
        return True
    try:
        if store.count(index.collection) < want:
            return False
        return all(finds(store, index, chunk) for chunk in sample(index))
    except StoreError:
        return False


def sample(index: Index, size: int = 0) -> list[tuple[int, str]]:
    """(chunk id, digest) of some chunks of the index, at most one of a document."""
    documents = list(
        IndexedDocument.objects.filter(index=index, chunks__gt=0).values_list("document", flat=True)[:MOST_SAMPLED]
    )
    chosen = random.sample(documents, min(size or SAMPLE, len(documents)))
    firsts = (Chunk.objects.filter(document=pk, chunking=index.chunking_id).order_by("?") for pk in chosen)
    return [row for chunks in firsts for row in chunks.values_list("pk", "digest")[:1]]


def finds(store: VectorStore, index: Index, chunk: tuple[int, str]) -> bool:
    """A chunk is found by its own vector, or is crowded out by others that are as near (equal texts)."""
    ids, matrix = vectors.of_chunks(index, [chunk])
    if not ids or not np.isfinite(matrix).all():
        return True  # deleted meanwhile; or no fault of the store's, see faults.in_database
    nearest = store.nearest(index.collection, matrix[0], 10)
    own = next((one.similarity for one in nearest if one.chunk_id == chunk[0]), None)
    if own is not None:
        return own > IS_ITSELF  # else another vector lies under its name
    return bool(nearest) and nearest[-1].similarity > IS_EQUAL


def answers(store: VectorStore) -> bool:
    """Whether the store can be reached at all; if not, a rebuild waits."""
    try:
        list(store.collections())
    except StoreError:
        return False
    return True


def rebuild(store: VectorStore, index: Index) -> None:
    """Fill a new collection from the stored vectors, then use it. Search is exact meanwhile."""
    old = index.collection
    if not Index.objects.filter(pk=index.pk, epoch=index.epoch).update(epoch=index.epoch + 1, store_ready=False):
        return  # another process was quicker
    index.refresh_from_db(fields=["epoch", "store_ready"])
    done: set = set()
    try:
        store.drop(index.collection)
        while not _finish(index, done):
            for documents, chunks in pages(index, done):
                add_to_store(store, index, chunks)
                done.update(documents)
        store.drop(old)
    except NotFindable:
        n = hand_over(index)
        log.warning("%d documents of %s have no vectors; they are embedded before it is rebuilt.", n, index)
        return
    except StoreError:
        log.warning("Rebuilding the nearest-neighbour index of %s failed; it begins again.", index)
        return
    log.info("The nearest-neighbour index of %s was rebuilt: %d documents, none embedded again.", index, len(done))


def _finish(index: Index, done: set) -> bool:
    """Put the new collection to use if every document of the index is in it."""
    with transaction.atomic():
        if Index.objects.select_for_update().get(pk=index.pk).epoch != index.epoch:
            raise StoreError("Another process builds it anew.")
        listed = set(IndexedDocument.objects.filter(index=index).values_list("document", flat=True))
        if listed - done:
            return False
        Index.objects.filter(pk=index.pk).update(store_ready=True)
    return True


def pages(index: Index, done: set) -> Iterator[tuple[list, list[tuple[int, str]]]]:
    """Documents that are not done yet, with their (chunk id, digest) pairs, a page of chunks at a time."""
    listed = IndexedDocument.objects.filter(index=index).order_by("pk").values_list("document", flat=True)
    documents: list = []
    chunks: list[tuple[int, str]] = []
    for pk in [pk for pk in listed if pk not in done]:
        rows = Chunk.objects.filter(document=pk, chunking=index.chunking_id).order_by("ordinal")
        documents.append(pk)
        chunks.extend(rows.values_list("pk", "digest"))
        if len(chunks) >= PAGE:
            yield documents, chunks
            documents, chunks = [], []
    if documents:
        yield documents, chunks


def mend_words(keywords: KeywordIndex, index: Index) -> None:
    """Add what the keyword index lacks, a page at a time; search says so until it is done."""
    try:
        if keywords.count(index.pk) < expected(index):
            log.warning("The keyword index lacks passages of %s; they are added again.", index)
            Index.objects.filter(pk=index.pk).update(words_ready=False)
            _add_words(keywords, index)
    except KeywordError:
        log.exception("The words of %s could not be added; it is tried again.", index)
        return
    Index.objects.filter(pk=index.pk, words_ready=False).update(words_ready=True)


def _add_words(keywords: KeywordIndex, index: Index) -> None:
    for _, pairs in pages(index, set()):
        lost = keywords.missing(index.pk, [pk for pk, _ in pairs])
        chunks = Chunk.objects.filter(pk__in=lost).select_related("document")
        keywords.add([entry_of(index, chunk) for chunk in chunks])
