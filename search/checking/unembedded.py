"""Have documents whose vectors are gone embedded again."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from kb.models import Chunk, Document
from search import vectors
from search.models import Index, IndexedDocument, Vector

PAGE = 500  # SQLite takes a bounded number of variables
Status, Stage = Document.Status, Document.Stage


def hand_over(index: Index) -> int:
    """Hand the documents of which a chunk has no vector to whoever embeds for this index; returns how many they are.

    The serving index keeps them, with the chunks that are embedded, and they are queued. Any other loses them: one in
    the making gets them again as it got the others, the previous one when it is gone back to, and says so.
    """
    chunks = Chunk.objects.filter(chunking=index.chunking_id, document__indexed_in__index=index)
    rows = vectors.without_vector(chunks, index.preset).order_by().values_list("document").annotate(Count("pk"))
    lacking = dict(rows)
    for page in _pages(list(lacking)):
        _hand_over(index, page, lacking)
    return len(lacking)


@transaction.atomic
def _hand_over(index: Index, documents: Sequence[UUID], lacking: Mapping[UUID, int]) -> None:
    now = Index.objects.select_for_update().get(pk=index.pk)  # as whoever puts documents in does
    if now.state == Index.State.SERVING:
        _keep_the_rest(index, documents, lacking)
        _queue(documents)
        return
    IndexedDocument.objects.filter(index=index, document__in=documents).delete()
    if now.state == Index.State.PREVIOUS:
        note = _("Vectors of some of its documents are gone; they are made again when you go back to it.")
        Index.objects.filter(pk=index.pk).update(note=note)


def _keep_the_rest(index: Index, documents: Sequence[UUID], lacking: Mapping[UUID, int]) -> None:
    """They count with what is embedded of them: of more, the vector store could not hold."""
    chunks = Chunk.objects.filter(chunking=index.chunking_id, document__in=documents).order_by()
    totals = dict(chunks.values_list("document").annotate(Count("pk")))
    rows = list(IndexedDocument.objects.filter(index=index, document__in=documents))
    for row in rows:
        row.chunks = max(0, totals.get(row.document_id, 0) - lacking[row.document_id])
    IndexedDocument.objects.bulk_update(rows, ["chunks"])


def _queue(documents: Sequence[UUID]) -> None:
    ready = Document.objects.filter(pk__in=documents, status=Status.READY, deleted_at=None)
    ready.update(status=Status.QUEUED, stage=Stage.EMBEDDING, attempt=0, progress=0, rung_at=None, error="")


def forget_what_is_none(index: Index, chunk_ids: Sequence[int]) -> None:
    """Delete what is kept for these chunks' texts and is no vector, so that they are texts to embed."""
    for page in _pages(chunk_ids):
        digests = Chunk.objects.filter(pk__in=page).values_list("digest", flat=True)
        rows = list(Vector.objects.filter(preset=index.preset_id, digest__in=set(digests)).values_list("pk", "data"))
        right = vectors.are_vectors([data for _, data in rows], index.preset.dimension)
        none = [pk for (pk, _), is_one in zip(rows, right, strict=True) if not is_one]
        Vector.objects.filter(pk__in=none).delete()


def _pages(items: Sequence) -> Iterator[Sequence]:
    return (items[first : first + PAGE] for first in range(0, len(items), PAGE))
