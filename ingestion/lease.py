"""A lease on a document: who works on it, for how long, and that nobody else's writes count."""

from contextlib import AbstractContextManager
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from kb.models import Document
from kb.workers import is_dead as is_dead
from kb.workers import new_worker as new_worker
from kb.workers import renewed


class LeaseLost(Exception):
    """The document was cancelled, deleted, or given to another worker: stop, and write nothing."""


def _until():
    return timezone.now() + timedelta(seconds=settings.KB_LEASE_SECONDS)


def claim(documents: Q, worker: str) -> int:
    """Take those of these documents that are queued; returns how many. Each claim counts as an attempt."""
    return Document.objects.filter(documents, status=Document.Status.QUEUED, deleted_at=None).update(
        status=Document.Status.RUNNING, worker=worker, lease_until=_until(), attempt=F("attempt") + 1
    )


def held_by(worker: str):
    """The documents that this worker holds, in the order of their upload."""
    return Document.objects.filter(worker=worker, status=Document.Status.RUNNING, deleted_at=None).order_by(
        "created_at", "pk"
    )


def write(document: Document, holder: str, /, **fields) -> None:
    """Write to a document that is held. Raises LeaseLost, having written nothing, if it no longer is."""
    if not held_by(holder).filter(pk=document.pk).order_by().update(**fields):
        raise LeaseLost(document.pk)
    for name, value in fields.items():
        setattr(document, name, value)


def release(documents: Q, worker: str, **fields) -> int:
    """Give documents back to the queue, at once free for the next worker."""
    return (
        held_by(worker)
        .filter(documents)
        .order_by()
        .update(status=Document.Status.QUEUED, worker="", lease_until=None, rung_at=None, **fields)
    )


def kept(worker: str) -> AbstractContextManager[None]:
    """Renew the worker's leases from a thread of its own while the block runs."""
    return renewed(lambda: held_by(worker).order_by().update(lease_until=_until()), "lease")
