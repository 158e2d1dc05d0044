"""Put embedded documents into an index and read them back; take chunks out of it."""

import logging
from collections.abc import Sequence

from django.db import transaction

from kb.models import Chunk, Document
from search import vectors
from search.generations.current import suspend
from search.keywords import Entry, KeywordError, open_keywords
from search.models import Index, IndexedDocument
from search.stores import StoreError, VectorStore, open_store

log = logging.getLogger(__name__)
PAGE = 1000


class NotFindable(Exception):
    """What was put into the index could not be read back."""


def place(index: Index, documents: Sequence[Document]) -> None:
    """Put these documents' chunks, all embedded, into the index; afterwards each is an IndexedDocument.

    Raises KeywordError or NotFindable. A vector store that fails is suspended: search is exact until it is rebuilt,
    so the documents are findable all the same.
    """
    chunks = list(Chunk.objects.filter(document__in=documents, chunking=index.chunking_id).select_related("document"))
    _add_words(index, chunks)
    epoch = _add_vectors(index, chunks)
    counts = {document.pk: 0 for document in documents}
    for chunk in chunks:
        counts[chunk.document_id] += 1
    with transaction.atomic():
        now = Index.objects.select_for_update().get(pk=index.pk)
        IndexedDocument.objects.filter(index=index, document__in=list(counts)).delete()
        IndexedDocument.objects.bulk_create(
            [IndexedDocument(index=index, document_id=pk, chunks=n) for pk, n in counts.items()]
        )
        if now.store_ready and now.epoch != epoch:  # rebuilt meanwhile, without these
            Index.objects.filter(pk=index.pk).update(store_ready=False)


def entry_of(index: Index, chunk: Chunk) -> Entry:
    """A chunk as the keyword index takes it."""
    return Entry(
        chunk_id=chunk.pk, document_id=chunk.document_id, index_id=index.pk, title=chunk.document.title,
        heading=" ".join(chunk.heading_path), text=chunk.text,
    )  # fmt: skip


def _add_words(index: Index, chunks: list[Chunk]) -> None:
    keywords = open_keywords()
    for first in range(0, len(chunks), PAGE):
        page = chunks[first : first + PAGE]
        keywords.add([entry_of(index, chunk) for chunk in page])
        if keywords.missing(index.pk, [chunk.pk for chunk in page]):
            raise NotFindable("The keyword index did not keep what it was given.")


def _add_vectors(index: Index, chunks: list[Chunk]) -> int:
    """Returns the epoch of the collection that they went into."""
    index.refresh_from_db(fields=["epoch", "store_ready"])
    if index.store_ready:
        try:
            lacking = add_to_store(open_store(), index, [(chunk.pk, chunk.digest) for chunk in chunks])
        except StoreError:
            log.exception("Storing vectors failed.")
            suspend(index)
        else:
            if lacking:
                raise NotFindable("A chunk has no vector yet.")
    return index.epoch


def add_to_store(store: VectorStore, index: Index, chunks: list[tuple[int, str]]) -> list[int]:
    """Add the vectors of these (chunk id, digest) pairs and read them back. Raises StoreError.

    Returns the chunks that have no vector.
    """
    lacking: list[int] = []
    for first in range(0, len(chunks), PAGE):
        page = chunks[first : first + PAGE]
        ids, matrix = vectors.of_chunks(index, page)
        if ids:
            store.add(index.collection, ids, matrix)
            if store.missing(index.collection, ids):
                raise StoreError("The vector store did not keep what it was given.")
        lacking += {pk for pk, _ in page} - set(ids)
    return lacking


def take_out(indexes: Sequence[Index], chunk_ids: Sequence[int]) -> None:
    """Remove chunks from the derived indexes. What fails here is found by the audit; nothing of it is ever shown."""
    if not chunk_ids:
        return
    for index in indexes:
        try:
            open_keywords().remove(index.pk, chunk_ids)
        except KeywordError:
            log.exception("Removing from the keyword index failed.")
        if index.store_ready:
            try:
                open_store().remove(index.collection, chunk_ids)
            except StoreError:
                suspend(index)
