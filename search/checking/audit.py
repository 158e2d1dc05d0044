"""Hold the derived indexes against the database, and rebuild what is not right, without embedding anything."""

import logging
import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from kb.lock import alone
from kb.models import Chunk
from search import vectors
from search.checking.contents import Piece, pieces
from search.checking.unembedded import forget_what_is_none, hand_over
from search.generations.current import suspend
from search.keywords import KeywordError, KeywordIndex, open_keywords
from search.models import Index, IndexedDocument
from search.place import add_to_store, entry_of
from search.stores import StoreError, VectorStore, open_store

log = logging.getLogger(__name__)
A_SWEEP = 20  # indexes: with a thousand of them, a sweep still takes a second, and each is checked every few minutes
MOST_SAMPLED = 10_000  # documents that a sample is drawn from
IS_ITSELF, IS_EQUAL = 0.99, 0.999  # similarities
PAGE = 500  # SQLite takes a bounded number of variables
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
        return not unfound(store, index, sample(index))
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


def unfound(store: VectorStore, index: Index, chunks: Sequence[tuple[int, str]]) -> list[int]:
    """Those of the (chunk id, digest) pairs that the store does not find by their own vectors. Raises StoreError.

    One that is crowded out by others as near (equal texts) is no fault, nor is one without a vector that could be
    looked for: it was deleted meanwhile, or see search.checking.faulty_rows.
    """
    lost: list[int] = []
    for first in range(0, len(chunks), PAGE):
        ids, matrix = vectors.of_chunks(index, chunks[first : first + PAGE])
        lost += [pk for pk, row in zip(ids, matrix, strict=True) if not _finds(store, index, pk, row)]
    return lost


def _finds(store: VectorStore, index: Index, chunk_id: int, vector: np.ndarray) -> bool:
    nearest = store.nearest(index.collection, vector, 10)
    own = next((one.similarity for one in nearest if one.chunk_id == chunk_id), None)
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
    """Fill a new collection from the stored vectors, then use it. Search is exact meanwhile.

    One process at a time does: a second one would only begin anew what the first is at.
    """
    try:
        with alone(settings.KB_DATA / "run" / f"rebuild-{index.pk}", 0):
            _rebuild(store, index)
    except TimeoutError:
        log.info("The nearest-neighbour index of %s is being rebuilt by another process.", index)


def _rebuild(store: VectorStore, index: Index) -> None:
    old = index.collection
    if not Index.objects.filter(pk=index.pk, epoch=index.epoch).update(epoch=index.epoch + 1, store_ready=False):
        return  # another process was quicker
    index.refresh_from_db(fields=["epoch", "store_ready"])
    last, documents, lacking = 0, 0, list[int]()
    try:
        store.drop(index.collection)
        while not _finish(index, last):
            for piece in pieces(index, after=last):
                lacking += add_to_store(store, index, piece.pairs)
                _count(index, piece)
                last, documents = piece.last, documents + len(piece.said)
            if lacking:  # handed over, and waited for by nobody: to rebuild it again would bring none
                forget_what_is_none(index, lacking)
                log.warning("%d documents of %s lack vectors; it is rebuilt without.", hand_over(index), index)
                lacking = []
        store.drop(old)
    except StoreError:
        log.warning("Rebuilding the nearest-neighbour index of %s failed; it begins again.", index)
        return
    log.info("The nearest-neighbour index of %s was rebuilt: %d documents, none embedded again.", index, documents)


def _count(index: Index, piece: Piece) -> None:
    """Have the documents count with the chunks that they have: of more, the index would never be right."""
    counts = Counter(document for *_, document in piece.chunks)
    for document, said in piece.said.items():
        if counts[document] != said:
            IndexedDocument.objects.filter(index=index, document=document).update(chunks=counts[document])


def _finish(index: Index, last: int) -> bool:
    """Put the new collection to use if nothing was put into the index behind the `last` document that is in it."""
    with transaction.atomic():
        if Index.objects.select_for_update().get(pk=index.pk).epoch != index.epoch:
            raise StoreError("Another process builds it anew.")
        if IndexedDocument.objects.filter(index=index, pk__gt=last).exists():
            return False
        Index.objects.filter(pk=index.pk).update(store_ready=True)
    return True


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
    for piece in pieces(index):
        lost = keywords.missing(index.pk, [pk for pk, *_ in piece.chunks])
        chunks = Chunk.objects.filter(pk__in=lost).select_related("document")
        keywords.add([entry_of(index, chunk) for chunk in chunks])
