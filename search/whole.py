"""Whole documents as vectors: which lack one, how several become one, how they are kept."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from kb.models import Document
from search.models import DocumentVector, Index, IndexedDocument, PartVector, Preset, Refusal, Vector
from search.vectors import decode, encode

READS_LITTLE = 1024  # tokens: below, a whole text read again in parts would say no more than its passages have said
PAGE = 500  # SQLite takes a bounded number of variables
MADE = ("data", "tokens", "tokens_read", "parts")


@dataclass(frozen=True)
class Whole:
    """A document's vector as it is to be kept: `data` as stored, of length 1; tokens as search.models says."""

    document: Document
    digest: str
    data: bytes
    tokens: int
    tokens_read: int
    parts: int
    from_chunks: bool = False


def reads_texts(preset: Preset) -> bool:
    """Whether this preset reads texts once more as a whole; else the means of their passages stand for them."""
    return preset.max_tokens >= READS_LITTLE


def unread(index: Index) -> QuerySet[Document]:
    """The finished documents whose text, as it is now, its preset has not made one vector of, in the index or not yet.

    A vector that is older than the document's last ingestion may be of another text. One whose making was begun and
    not finished is lacking until it was tried as often as allowed.
    """
    ingested = Coalesce(OuterRef("ready_at"), OuterRef("created_at"))
    has = DocumentVector.objects.filter(
        Q(attempt=0) | Q(attempt__gte=settings.KB_MAX_ATTEMPTS),
        preset=index.preset_id, document=OuterRef("pk"), created_at__gte=ingested,
    )  # fmt: skip
    return Document.objects.filter(
        ~Exists(has), knowledge_base=index.knowledge_base_id, deleted_at=None, status=Document.Status.READY
    ).order_by("pk")


def lacking_whole(index: Index) -> QuerySet[Document]:
    """Those of them that are in this index: the work."""
    return unread(index).filter(
        Exists(IndexedDocument.objects.filter(index=index, document=OuterRef("pk"), chunks__gt=0))
    )


def to_read(index: Index) -> QuerySet[Document]:
    """The documents that its preset has yet to read whole: what it has read in another knowledge base is copied."""
    if not reads_texts(index.preset):
        return Document.objects.none()
    twins = DocumentVector.objects.filter(
        preset=index.preset_id, from_chunks=False, document__sha256=OuterRef("sha256"),
        document__title=OuterRef("title"),
    ).exclude(document=OuterRef("pk"))  # fmt: skip
    refused = Refusal.objects.filter(index=index.pk, document=OuterRef("pk"))
    return unread(index).filter(~Exists(twins), ~Exists(refused))


def any_lacking() -> bool:
    """Whether there is a document to be read whole."""
    return any(lacking_whole(index).exists() for index in indexes_with_wholes())


def indexes_with_wholes() -> QuerySet[Index]:
    """The indexes whose documents get a vector each: what serves first, then what is being built to serve."""
    states = (Index.State.SERVING, Index.State.BUILT, Index.State.BUILDING)
    used = Index.objects.filter(state__in=states, knowledge_base__deleted_at=None)
    first = Case(When(state=Index.State.SERVING, then=Value(0)), default=Value(1))
    return used.select_related("preset", "chunking", "knowledge_base").order_by(first, "pk")


def mean(vectors: np.ndarray, weights: Sequence[int]) -> bytes | None:
    """The mean of (n, dimension) rows by their weights, of length 1 again, as stored; None where they cancel out.

    Each row has length 1 however much text it stands for, so without weights a last part of a few lines would count
    as much as one of 32,000 tokens; without normalising, a document of many subjects would be less similar to every
    question than one of a single subject, as the mean of unlike directions is short.
    """
    total = np.asarray(weights, np.float32) @ vectors
    length = float(np.linalg.norm(total))
    return encode(total / length) if length > 1e-6 * sum(weights) else None


def of_passages(index: Index, document: Document, digest: str) -> Whole | None:
    """The mean of the document's passages, for nothing; None where they have no vectors.

    Its tokens are the passages', with what is read above each (title, headings) and what they share with neighbours.
    """
    chunks = list(document.chunks.filter(chunking=index.chunking_id).values_list("digest", "tokens"))
    found = vectors_of(index.preset, [one for one, _ in chunks])
    have = [(*found[one], tokens) for one, tokens in chunks if one in found]
    data = mean(decode([data for data, *_ in have], index.preset.dimension), [t for *_, t in have]) if have else None
    if data is None:
        return None
    read = sum(min(read, tokens) for _, read, tokens in have)
    return Whole(document, digest, data, sum(tokens for _, tokens in chunks), read, len(have), from_chunks=True)


def vectors_of(preset: Preset, digests: Iterable[str]) -> dict[str, tuple[bytes | memoryview, int]]:
    """What is kept of the texts with these digests: digest to (vector as stored, tokens read)."""
    return {digest: (data, read) for digest, data, read in _rows(preset, iter(dict.fromkeys(digests)))}


def _rows(preset: Preset, digests: Iterator[str]) -> Iterator[tuple]:
    while page := list(islice(digests, PAGE)):
        yield from Vector.objects.filter(preset=preset, digest__in=page).values_list("digest", "data", "tokens_read")


def parts_kept(preset: Preset, documents: Sequence[Document]) -> dict[str, tuple[bytes | memoryview, int]]:
    """The parts of these documents that earlier steps have read: digest to (vector as stored, tokens read)."""
    rows = PartVector.objects.filter(preset=preset, document__in=documents)
    return {digest: (data, read) for digest, data, read in rows.values_list("digest", "data", "tokens_read")}


def keep_parts(preset: Preset, document: Document, parts: Mapping[str, tuple[np.ndarray, int]]) -> None:
    """Keep what was read of a document, to go on with it in another step."""
    rows = [
        PartVector(preset=preset, document=document, digest=digest, data=encode(vector), tokens_read=read)
        for digest, (vector, read) in parts.items()
    ]
    PartVector.objects.bulk_create(rows, ignore_conflicts=True)


def forget_parts(preset: Preset, documents: Sequence[Document]) -> None:
    """These are read whole, or never will be."""
    PartVector.objects.filter(preset=preset, document__in=documents).delete()


def known(preset: Preset, digest: str) -> dict[str, Any] | None:
    """What this preset made of the whole text with this digest before, in whichever document; MADE names its parts."""
    return DocumentVector.objects.filter(preset=preset, digest=digest, from_chunks=False).values(*MADE).first()


def begun_before(preset: Preset, documents: Sequence[Document]) -> list[UUID]:
    """Those of the documents whose reading was begun and not finished."""
    begun = DocumentVector.objects.filter(preset=preset, document__in=documents, attempt__gt=0)
    return list(begun.order_by("document").values_list("document_id", flat=True))


def begin(preset: Preset, stand_ins: Sequence[Whole]) -> None:
    """Note that these documents are about to be read, and keep what stands in for them meanwhile."""
    documents = [whole.document for whole in stand_ins]
    rows = DocumentVector.objects.filter(preset=preset, document__in=documents)
    before = dict(rows.values_list("document_id", "attempt"))
    _keep(preset, [(whole, before.get(whole.document.pk, 0) + 1) for whole in stand_ins])


def take_back(preset: Preset, documents: Sequence[Document]) -> None:
    """Forget that these were begun: nothing went wrong with them."""
    DocumentVector.objects.filter(preset=preset, document__in=documents, attempt__gt=0).delete()


def keep(preset: Preset, wholes: Sequence[Whole]) -> None:
    """Keep the vectors of documents that are still as they were when they were read, each instead of an older one."""
    _keep(preset, [(whole, 0) for whole in wholes])


def _keep(preset: Preset, wholes: Sequence[tuple[Whole, int]]) -> None:
    with transaction.atomic():
        ready = _ready_at([whole for whole, _ in wholes])
        rows = [one for one in wholes if ready.get(one[0].document.pk, _GONE) == one[0].document.ready_at]
        DocumentVector.objects.bulk_create(
            [DocumentVector(preset=preset, attempt=attempt, **vars(whole)) for whole, attempt in rows],
            update_conflicts=True,
            unique_fields=["preset", "document"],
            update_fields=["digest", "from_chunks", "attempt", "created_at", *MADE],
        )
        _not_before_ingestion(preset, [whole.document for whole, _ in rows])


_GONE = object()


def _ready_at(wholes: Sequence[Whole]) -> dict[Any, datetime | None]:
    """The documents that are there and READY, locked, with the time of their last ingestion."""
    keys = [whole.document.pk for whole in wholes]
    ready = Document.objects.select_for_update().filter(pk__in=keys, status=Document.Status.READY, deleted_at=None)
    return dict(ready.order_by("pk").values_list("pk", "ready_at"))


def _not_before_ingestion(preset: Preset, documents: Sequence[Document]) -> None:
    """Where another machine's clock, which said when the document was ready, is ahead of this one's."""
    now = timezone.now()
    for document in documents:
        ready = document.ready_at or document.created_at
        if ready > now:
            DocumentVector.objects.filter(preset=preset, document=document).update(created_at=ready)
