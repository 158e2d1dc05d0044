"""Make good whatever was not heard, was left lying or was lost: one sweep every few seconds."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from ingestion import lease
from ingestion.doorbell import EXPIRES, ring_for_embedding, ring_for_parsing
from ingestion.purge import purge_deleted, sweep_files
from ingestion.tend import start_generations
from kb.beats import beat, forget_the_silent
from kb.calls import forget_old_calls
from kb.models import Document
from search.checking import jobs as check_jobs
from search.checking.audit import mend_indexes
from search.conversations.abandoned import check_left, end_abandoned
from search.evaluation import jobs as evaluation_jobs
from search.evaluation import schedule as evaluation_schedule
from search.evaluation.lengths import retire_trials
from search.organising import due as organising_due
from search.whole import any_lacking

log = logging.getLogger(__name__)
RING_AGAIN = timedelta(seconds=EXPIRES)
RINGS_A_SWEEP = 50  # the oldest first: the queue stays short however many documents wait
HOURLY, WHOLES = 3600.0, 300.0  # seconds
Status, Stage = Document.Status, Document.Stage


def run(stopping: Callable[[float], bool]) -> None:
    """Sweep until `stopping(seconds)`, which waits so long, says so. What fails is logged, and comes again."""
    swept_files_at = rung_for_wholes_at = float("-inf")
    while True:
        for step in STEPS:
            _safely(step)
        if time.monotonic() - swept_files_at > HOURLY:
            _safely(sweep_files)
            _safely(forget_the_silent)
            _safely(forget_old_calls)
            swept_files_at = time.monotonic()
        if time.monotonic() - rung_for_wholes_at > WHOLES:
            _safely(ring_for_wholes)
            rung_for_wholes_at = time.monotonic()
        beat("reconciler")
        connection.close()
        if stopping(settings.KB_RECONCILE_SECONDS):
            return


def _safely(step: Callable[[], object]) -> None:
    try:
        step()
    except Exception:
        log.exception("The sweep's step %s failed; it comes again.", step.__name__)
        connection.close()


def free_lost_work() -> int:
    """Queue documents whose lease ran out or whose worker is dead; FAIL those that were tried often enough."""
    freed = 0
    running = Document.objects.filter(status=Status.RUNNING, deleted_at=None)
    now = timezone.now()
    for pk, worker, until in running.values_list("pk", "worker", "lease_until"):
        if until is None or until < now or lease.is_dead(worker):
            freed += _free(pk, worker)
    return freed


def _free(pk, worker: str) -> int:
    """Embedding takes many documents at once, so a death there is not held against each: see embed._take."""
    with transaction.atomic():
        document = Document.objects.select_for_update().filter(pk=pk, worker=worker, status=Status.RUNNING).first()
        if document is None:
            return 0
        allowed = settings.KB_MAX_ATTEMPTS * (2 if document.stage == Stage.EMBEDDING else 1)
        document.worker, document.lease_until, document.rung_at = "", None, None
        if document.attempt >= allowed:
            document.status = Status.FAILED
            document.error = _("The worker stopped %(n)d times while it was at this document.") % {
                "n": document.attempt
            }
        else:
            document.status = Status.QUEUED
        document.save(update_fields=["status", "error", "worker", "lease_until", "rung_at"])
    return 1


def ring_waiting() -> int:
    """Call the workers for what waits and was not called for lately."""
    due = Q(rung_at=None) | Q(rung_at__lt=timezone.now() - RING_AGAIN)
    waiting = Document.objects.filter(due, status=Status.QUEUED, deleted_at=None).order_by("created_at", "pk")
    to_parse = list(waiting.exclude(stage=Stage.EMBEDDING).values_list("pk", flat=True)[:RINGS_A_SWEEP])
    for pk in to_parse:
        if not ring_for_parsing(pk):
            return 0
    to_embed = list(waiting.filter(stage=Stage.EMBEDDING).values_list("pk", flat=True)[:RINGS_A_SWEEP])
    if to_embed and not ring_for_embedding():
        return 0
    rung = [*to_parse, *to_embed]
    return Document.objects.filter(pk__in=rung).update(rung_at=timezone.now()) if rung else 0


def ring_for_wholes() -> None:
    """The embed worker reads documents whole before it rests; it is called for those that an error held up."""
    if any_lacking():
        ring_for_embedding()


def tend_evaluations() -> None:
    """Free the evaluations whose worker is gone, begin those that are due, and call workers for those that wait.

    Indexes that were built to be measured are given up when that is done with.
    """
    retire_trials()
    evaluation_jobs.free_lost()
    evaluation_schedule.start_due()
    evaluation_jobs.ring_waiting()


STEPS = (
    free_lost_work, ring_waiting, purge_deleted, start_generations, mend_indexes, tend_evaluations,
    organising_due.sweep, check_jobs.tend, end_abandoned, check_left,
)  # fmt: skip
