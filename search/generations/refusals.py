"""Documents that an index does without, because its model refuses a text of them for good."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from kb.models import Document
from search.models import Index, IndexedDocument, Refusal


def refuse(index: Index, documents: Iterable[UUID], reason: str) -> None:
    """These documents will not be in this index. A sentence says why."""
    rows = [Refusal(index=index, document_id=pk, reason=reason, at=timezone.now()) for pk in documents]
    Refusal.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["index", "document"], update_fields=["reason", "at"]
    )


def refused(index: Index) -> QuerySet[Refusal]:
    """Those that it does without, as they are now: one that was read anew since is tried again."""
    as_it_is = Q(at__gte=F("document__ready_at")) | Q(document__ready_at=None)
    of_living = Refusal.objects.filter(
        as_it_is, index=index, document__deleted_at=None, document__status=Document.Status.READY
    )
    return of_living.select_related("document").order_by("document__title", "pk")


def lost(index: Index) -> QuerySet[Refusal]:
    """Of them, those that the index in use has: questions would not find them any more."""
    serving = Index.objects.filter(knowledge_base=index.knowledge_base_id, state=Index.State.SERVING)
    inside = IndexedDocument.objects.filter(index__in=serving).values("document")
    return refused(index).filter(document__in=inside)


def refusal_of(document: Document) -> Refusal | None:
    """Why the index in use does without this document; None where it has it."""
    serving = Index.objects.filter(knowledge_base=document.knowledge_base_id, state=Index.State.SERVING).first()
    return refused(serving).filter(document=document).first() if serving else None


def try_again(index: Index) -> int:
    """Let the worker try them once more; returns how many there are."""
    Index.objects.filter(pk=index.pk).update(note="")
    return Refusal.objects.filter(index=index).delete()[0]
