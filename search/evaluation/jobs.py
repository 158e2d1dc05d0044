"""An evaluation as a job: who works on it, for how long, and what becomes of one that was left lying.

The row is the job, as a document is (ingestion/lease.py): a run is claimed, its lease renewed by a thread, and every
write is conditional on still holding it, so that a run which was cancelled or given to another worker is left alone.
"""

from contextlib import AbstractContextManager
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from kb.bell import EXPIRES, send
from kb.workers import is_dead, renewed
from search.models import EvaluationRun, Index

State = EvaluationRun.State
RINGS_A_SWEEP = 10


class LeaseLost(Exception):
    """The run was cancelled, deleted, or given to another worker: stop, and write nothing."""


def ring(run_id) -> bool:
    """Call a worker for this run; False where the broker does not answer."""
    EvaluationRun.objects.filter(pk=run_id).update(rung_at=timezone.now())
    return send("run_evaluation", str(run_id))


def claim(run_id, worker: str) -> EvaluationRun | None:
    """The run, if it was waiting and its knowledge base is there; each claim counts as an attempt."""
    taken = {"state": State.RUNNING, "worker": worker, "lease_until": _until(), "attempt": F("attempt") + 1}
    if not _waiting().filter(pk=run_id).update(**taken):
        return None
    runs = EvaluationRun.objects.select_related("knowledge_base", "index__preset", "index__chunking", "question_set")
    return runs.get(pk=run_id)


def _waiting():
    """The runs that can be worked on: none that an index is still being built for."""
    unbuilt = Index.objects.filter(trial=OuterRef("pk"), state=Index.State.TRIAL, built_at=None)
    return EvaluationRun.objects.filter(~Exists(unbuilt), state=State.QUEUED, knowledge_base__deleted_at=None)


def _until():
    return timezone.now() + timedelta(seconds=settings.KB_LEASE_SECONDS)


def write(run: EvaluationRun, worker: str, /, **fields) -> None:
    """Write to a run that is held. Raises LeaseLost, having written nothing, if it no longer is."""
    held = EvaluationRun.objects.filter(
        pk=run.pk, state=State.RUNNING, worker=worker, knowledge_base__deleted_at=None
    ).order_by()
    if not held.update(**fields):
        raise LeaseLost(run.pk)
    for name, value in fields.items():
        setattr(run, name, value)


def release(run: EvaluationRun, worker: str, /, **fields) -> None:
    """Give the run back to the queue, to be gone on with."""
    write(run, worker, state=State.QUEUED, worker="", lease_until=None, rung_at=None, **fields)


def finish(run: EvaluationRun, worker: str, state: str, /, **fields) -> None:
    """The run's last write."""
    write(run, worker, state=state, worker="", lease_until=None, finished_at=timezone.now(), **fields)


def cancel(run: EvaluationRun) -> bool:
    """Stop an unfinished run: whoever holds it can no longer write to it."""
    unfinished = EvaluationRun.objects.filter(pk=run.pk, state__in=(State.QUEUED, State.RUNNING))
    return bool(unfinished.update(state=State.CANCELLED, worker="", lease_until=None, finished_at=timezone.now()))


def kept(worker: str) -> AbstractContextManager[None]:
    """Renew the worker's lease from a thread of its own while the block runs."""
    mine = EvaluationRun.objects.filter(worker=worker, state=State.RUNNING)
    return renewed(lambda: mine.update(lease_until=_until()), "evaluation lease")


def free_lost() -> int:
    """Queue the runs whose worker is gone, to be gone on with; FAIL those that were tried often enough."""
    freed, now = 0, timezone.now()
    running = EvaluationRun.objects.filter(state=State.RUNNING)
    for pk, worker, until, attempt in running.values_list("pk", "worker", "lease_until", "attempt"):
        if until is None or until < now or is_dead(worker):
            freed += _free(pk, worker, attempt)
    return freed


def _free(pk, worker: str, attempt: int) -> int:
    given_back: dict[str, object] = {"state": State.QUEUED, "worker": "", "lease_until": None, "rung_at": None}
    if attempt >= settings.KB_MAX_ATTEMPTS:
        error = _("The worker stopped %(n)d times while it was at this evaluation.") % {"n": attempt}
        given_back |= {"state": State.FAILED, "error": error, "finished_at": timezone.now()}
    return EvaluationRun.objects.filter(pk=pk, worker=worker, state=State.RUNNING).update(**given_back)


def ring_waiting() -> int:
    """Call workers for the runs that wait and were not called for lately, the oldest first."""
    due = Q(rung_at=None) | Q(rung_at__lt=timezone.now() - timedelta(seconds=EXPIRES))
    rung = 0
    for pk in _waiting().filter(due).order_by("created_at").values_list("pk", flat=True)[:RINGS_A_SWEEP]:
        if not ring(pk):
            EvaluationRun.objects.filter(pk=pk, state=State.QUEUED).update(rung_at=None)
            break
        rung += 1
    return rung
