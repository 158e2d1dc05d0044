"""Work on a knowledge base as a whole, as jobs: who works on one, for how long, and what becomes of what was left."""

import logging
from contextlib import AbstractContextManager
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from kb.bell import EXPIRES, send
from kb.models import KnowledgeBase
from kb.workers import is_dead, renewed
from search.models import OrganisingJob

log = logging.getLogger(__name__)
Kind, State = OrganisingJob.Kind, OrganisingJob.State
IDLE = (State.DONE, State.FAILED)


class LeaseLost(Exception):
    """The job was given to another worker, or its knowledge base was deleted: stop, and write nothing."""


def want(knowledge_base: KnowledgeBase, kind: str) -> OrganisingJob:
    """Have this done (again) as soon as a worker is free. One that is waiting or at work already goes on."""
    job, is_new = OrganisingJob.objects.get_or_create(knowledge_base=knowledge_base, kind=kind)
    waiting = {"state": State.QUEUED, "attempt": 0, "error": "", "progress": 0, "progress_total": 0, "rung_at": None}
    if OrganisingJob.objects.filter(pk=job.pk, state__in=IDLE).update(**waiting) or is_new:
        transaction.on_commit(lambda: ring(job.pk))
    job.refresh_from_db()
    return job


def ring(job_id: int) -> bool:
    """Call a worker for this job; False where the broker does not answer."""
    OrganisingJob.objects.filter(pk=job_id).update(rung_at=timezone.now())
    return send("organise", str(job_id))


def claim(job_id, worker: str) -> OrganisingJob | None:
    """The job, if it was waiting and its knowledge base is there; each claim counts as an attempt."""
    waiting = OrganisingJob.objects.filter(pk=job_id, state=State.QUEUED, knowledge_base__deleted_at=None)
    now = timezone.now()
    if not waiting.update(
        state=State.RUNNING, worker=worker, lease_until=_until(), begun_at=now, attempt=F("attempt") + 1
    ):
        return None
    return OrganisingJob.objects.select_related("knowledge_base").get(pk=job_id)


def _until():
    return timezone.now() + timedelta(seconds=settings.KB_LEASE_SECONDS)


def write(job: OrganisingJob, /, **fields) -> None:
    """Write to a job that is held. Raises LeaseLost, having written nothing, if it no longer is."""
    held = OrganisingJob.objects.filter(
        pk=job.pk, state=State.RUNNING, worker=job.worker, knowledge_base__deleted_at=None
    )
    if not held.update(**fields):
        raise LeaseLost(job.pk)


def finish(job: OrganisingJob, /, **fields) -> None:
    """The last write: it is done, failed, or waits for another try."""
    write(job, worker="", lease_until=None, **fields)


def kept(worker: str) -> AbstractContextManager[None]:
    """Renew the worker's lease from a thread of its own while the block runs."""
    held = OrganisingJob.objects.filter(worker=worker, state=State.RUNNING)
    return renewed(lambda: held.update(lease_until=_until()), "organising lease")


def free_lost() -> int:
    """Queue the jobs whose worker is gone; FAIL those that were tried often enough."""
    freed, now = 0, timezone.now()
    for job in OrganisingJob.objects.filter(state=State.RUNNING):
        if job.lease_until is None or job.lease_until < now or is_dead(job.worker):
            freed += _free(job)
    return freed


def _free(job: OrganisingJob) -> int:
    fields: dict = {"state": State.QUEUED, "worker": "", "lease_until": None, "rung_at": None}
    if job.attempt >= settings.KB_MAX_ATTEMPTS:
        error = _("The worker stopped %(n)d times while it was at this.") % {"n": job.attempt}
        fields |= {"state": State.FAILED, "error": error}
    return OrganisingJob.objects.filter(pk=job.pk, worker=job.worker, state=State.RUNNING).update(**fields)


def ring_waiting() -> int:
    """Call workers for the jobs that wait and were not called for lately."""
    due = Q(rung_at=None) | Q(rung_at__lt=timezone.now() - timedelta(seconds=EXPIRES))
    waiting = OrganisingJob.objects.filter(due, state=State.QUEUED, knowledge_base__deleted_at=None)
    rung = 0
    for pk in waiting.order_by("pk").values_list("pk", flat=True)[:10]:
        if not ring(pk):
            break
        rung += 1
    return rung
