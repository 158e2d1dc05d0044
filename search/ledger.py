"""The account of what was embedded and what was not: how much of the text no model has read, and where.

Tokens are those of the serving index's model. What is cut off is the end of a passage, or of a part of a document that
was read whole: by a model server that reads less than its preset says, or by a preset whose limit is lower than the
one that the passages were cut for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.core.cache import cache
from django.db import connection
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum

from kb.models import Chunk, Document, KnowledgeBase
from search.models import DocumentVector, Index, IndexedDocument, Vector

REMEMBERED = 300  # seconds; 100,000 passages are added up in some tenths of a second

# A vector belongs to a text, not to a chunk, so no foreign key leads from one to the other.
PASSAGES = f"""
    FROM {Chunk._meta.db_table} chunk
    JOIN {IndexedDocument._meta.db_table} inside ON inside.document_id = chunk.document_id AND inside.index_id = %s
    JOIN {Document._meta.db_table} document ON document.id = chunk.document_id AND document.deleted_at IS NULL
    JOIN {Vector._meta.db_table} vector ON vector.preset_id = %s AND vector.digest = chunk.digest
    WHERE chunk.chunking_id = %s
"""
CUT = "vector.tokens_read < chunk.tokens"
LOST = f"SUM(CASE WHEN {CUT} THEN chunk.tokens - vector.tokens_read ELSE 0 END)"


@dataclass(frozen=True)
class Tally:
    """Tokens of texts, those that were never read, and how many texts there are and lost some."""

    tokens: int = 0
    lost: int = 0
    texts: int = 0
    cut: int = 0

    @property
    def share(self) -> float:
        """What was never read, 0 to 1."""
        return self.lost / self.tokens if self.tokens else 0.0

    @property
    def percent(self) -> float:
        return 100 * self.share


@dataclass(frozen=True)
class Account:
    """A knowledge base's account: of its passages, of its documents as wholes, and of documents that have neither.

    `failed` documents could not be read at all, so nobody knows how much text they have; `by_passages` of the wholes
    were not read again, their passages stand for them.
    """

    knowledge_base: KnowledgeBase
    index: Index
    passages: Tally
    wholes: Tally
    by_passages: int
    failed: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the text was left unread."""
        return not (self.passages.lost or self.wholes.lost or self.failed)


@dataclass(frozen=True)
class DocumentLoss:
    """A document of which something was never read: in its passages, as a whole, or in both."""

    document: Document
    passages: Tally
    whole: Tally


def accounts(knowledge_bases: Iterable[KnowledgeBase]) -> list[Account]:
    """Those of these knowledge bases that have an index, the greatest share of unread text first."""
    of = {knowledge_base.pk for knowledge_base in knowledge_bases}
    serving = Index.objects.filter(knowledge_base__in=of, state=Index.State.SERVING)
    made = [account_of(index) for index in serving.select_related("knowledge_base", "preset", "chunking")]
    return sorted(made, key=lambda one: (-one.passages.share, -one.wholes.share, -one.failed, one.knowledge_base.name))


def account_of(index: Index) -> Account:
    """Four queries, however much text there is."""
    documents = Document.objects.filter(knowledge_base=index.knowledge_base_id, deleted_at=None)
    return Account(
        knowledge_base=index.knowledge_base,
        index=index,
        passages=_of_passages(index),
        wholes=_of_wholes(_wholes(index)),
        by_passages=_wholes(index).filter(from_chunks=True).count(),
        failed=documents.filter(status=Document.Status.FAILED).count(),
    )


def share_never_read(knowledge_base: KnowledgeBase) -> float:
    """The share of a knowledge base's passages that was never read, 0 to 1, as it was some minutes ago at most."""
    index = Index.objects.filter(knowledge_base=knowledge_base, state=Index.State.SERVING).first()
    if index is None:
        return 0.0
    return cache.get_or_set(f"never-read-{index.pk}", lambda: _of_passages(index).share, REMEMBERED) or 0.0


def losses(index: Index, limit: int) -> list[DocumentLoss]:
    """The documents of which something was never read, those that lost most first."""
    passages, wholes = _lossy_passages(index, limit), _lossy_wholes(index, limit)
    documents = Document.objects.filter(deleted_at=None).in_bulk([*passages, *wholes])
    found = [
        DocumentLoss(document, passages.get(pk, Tally()), wholes.get(pk, Tally())) for pk, document in documents.items()
    ]
    return sorted(found, key=lambda one: (-one.passages.lost, -one.whole.lost, one.document.title))[:limit]


def unread_passages(index: Index, document: Document) -> QuerySet[Chunk]:
    """The document's passages that were not read to their end, in reading order, with `read` and `lost` tokens."""
    vectors = Vector.objects.filter(preset=index.preset_id, digest=OuterRef("digest"))
    chunks = Chunk.objects.filter(document=document, chunking=index.chunking_id)
    read = chunks.annotate(read=Subquery(vectors.values("tokens_read")[:1]))
    return read.filter(read__lt=F("tokens")).annotate(lost=F("tokens") - F("read")).order_by("ordinal")


def _of_passages(index: Index) -> Tally:
    (row,) = _asked(f"SELECT SUM(chunk.tokens), {LOST}, COUNT(*), COUNT(CASE WHEN {CUT} THEN 1 END) {PASSAGES}", index)
    return Tally(*(number or 0 for number in row))


def _lossy_passages(index: Index, limit: int) -> dict[UUID, Tally]:
    """By document. Its passages that were read to their end are not counted."""
    chosen = f"SELECT chunk.document_id, SUM(chunk.tokens), {LOST}, COUNT(*), COUNT(*) {PASSAGES} AND {CUT}"
    rows = _asked(f"{chosen} GROUP BY chunk.document_id ORDER BY 3 DESC LIMIT {int(limit)}", index)
    return {UUID(str(pk)): Tally(*numbers) for pk, *numbers in rows}


def _asked(query: str, index: Index) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query, [index.pk, index.preset_id, index.chunking_id])
        return cursor.fetchall()


def _wholes(index: Index) -> QuerySet[DocumentVector]:
    return DocumentVector.objects.filter(
        preset=index.preset_id, document__knowledge_base=index.knowledge_base_id, document__deleted_at=None
    )


def _of_wholes(vectors: QuerySet[DocumentVector]) -> Tally:
    cut = Q(tokens_read__lt=F("tokens"))
    found = vectors.aggregate(
        all=Sum("tokens"), lost=Sum(F("tokens") - F("tokens_read"), filter=cut), n=Count("pk"), cut=Count("pk", cut)
    )
    return Tally(found["all"] or 0, found["lost"] or 0, found["n"], found["cut"])


def _lossy_wholes(index: Index, limit: int) -> dict[UUID, Tally]:
    cut = _wholes(index).filter(tokens_read__lt=F("tokens")).annotate(lost=F("tokens") - F("tokens_read"))
    rows = cut.order_by("-lost").values_list("document_id", "tokens", "lost")[:limit]
    return {pk: Tally(tokens, lost, 1, 1) for pk, tokens, lost in rows}
