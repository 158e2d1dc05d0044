"""A lease on a document: who works on it, for how long, and that nobody else's writes count."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import F, Q
from django.utils import timezone

from kb.models import Document
from kb.workers import is_dead as is_dead
from kb.workers import new_worker as new_worker

log = logging.getLogger(__name__)


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


@contextmanager
def kept(worker: str) -> Iterator[None]:
    """Renew the worker's leases from a thread of its own while the block runs."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(settings.KB_LEASE_SECONDS / 4):
            try:
                held_by(worker).order_by().update(lease_until=_until())
            except DatabaseError as error:  # there are three more chances before the lease ends
                log.warning("Renewing a lease failed: %s", error)
                connection.close()
        connection.close()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
