"""What people do with a document's work: cancel it, try again, delete the document."""

from django.db import transaction
from django.utils import timezone

from ingestion.doorbell import ring
from kb.models import Document
from search.organising.families import settle

Status, Stage = Document.Status, Document.Stage


def cancel(document: Document) -> bool:
    """Stop the work on an unfinished document: whoever holds it can no longer write to it."""
    return bool(
        Document.objects.filter(pk=document.pk, status__in=(Status.QUEUED, Status.RUNNING)).update(
            status=Status.CANCELLED, worker="", lease_until=None, progress=0, progress_total=0
        )
    )


def retry(document: Document) -> bool:
    """Queue a failed or cancelled document again, from the start."""
    return _requeue(document, (Status.FAILED, Status.CANCELLED))


def reingest(document: Document) -> bool:
    """Parse a document anew; what was found in it before is found until the new text is in its place."""
    return _requeue(document, (Status.READY, Status.FAILED, Status.CANCELLED))


def _requeue(document: Document, statuses: tuple[str, ...]) -> bool:
    queued = Document.objects.filter(pk=document.pk, status__in=statuses, deleted_at=None).update(
        status=Status.QUEUED, stage=Stage.PARSING, attempt=0, error="", note="", worker="", lease_until=None,
        progress=0, progress_total=0,
    )  # fmt: skip
    if queued:
        document.refresh_from_db()
        transaction.on_commit(lambda: ring(document))
    return bool(queued)


@transaction.atomic
def delete(document: Document) -> None:
    """Hide the document, and what came in it, at once; the reconciler removes every trace.

    Where it was the newest version, the one before it is the newest again.
    """
    now, family = timezone.now(), [document.pk]
    while family:
        Document.objects.filter(pk__in=family, deleted_at=None).update(deleted_at=now, worker="", lease_until=None)
        family = list(Document.objects.filter(parent__in=family, deleted_at=None).values_list("pk", flat=True))
    settle(document.knowledge_base)
