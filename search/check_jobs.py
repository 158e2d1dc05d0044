"""A check of the indexes as a job: begun by a button, a command or the night, done by a worker, seen to its end."""

import logging
from dataclasses import asdict
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from kb.bell import EXPIRES, send
from kb.models import KnowledgeBase
from kb.workers import is_dead, new_worker
from search.check import SAMPLE, Finding, check_part, parts
from search.models import IndexCheck

log = logging.getLogger(__name__)
State = IndexCheck.State
LEASE = timedelta(minutes=30)  # a part of a check may take so long: a large index that is built anew
KEPT = 100  # checks in the history


class Overtaken(Exception):
    """The check was given to another worker: stop, and write nothing."""


def start(
    *, repair: bool, knowledge_base: KnowledgeBase | None = None, sample: int | None = SAMPLE, asked_by: str = ""
) -> IndexCheck:
    """Queue a check and call a worker; one that waits already and would do the same is returned instead."""
    asked = {"repair": repair, "knowledge_base": knowledge_base, "sample": sample}
    waiting = IndexCheck.objects.filter(state=State.QUEUED, **asked).first()
    check = waiting or IndexCheck.objects.create(asked_by=asked_by, **asked)
    ring(check)
    return check


def ring(check: IndexCheck) -> bool:
    """Call a worker for this check; False where the broker does not answer."""
    IndexCheck.objects.filter(pk=check.pk).update(rung_at=timezone.now())
    return send("check_index", str(check.pk))


def run(check_id) -> None:
    """Do a check that waits, part by part. Two at a time would get into each other's way, so another one waits on."""
    worker = new_worker()
    if IndexCheck.objects.filter(state=State.RUNNING).exists() or not _claim(check_id, worker):
        return
    check = IndexCheck.objects.select_related("knowledge_base").get(pk=check_id)
    try:
        findings = _work(check, worker)
        finished = {"state": State.DONE, "finished_at": timezone.now(), "worker": "", "lease_until": None}
        _write(check, worker, **_summary(findings), **finished)
    except Overtaken:
        return
    except Exception:
        log.exception("A check of the indexes failed.")
        error = _("Something unforeseen happened; the log of the worker says what.")
        _held(check, worker).update(state=State.FAILED, error=error, finished_at=timezone.now(), worker="")
        raise
    _forget_old()


def _claim(check_id, worker: str) -> int:
    return IndexCheck.objects.filter(pk=check_id, state=State.QUEUED).update(
        state=State.RUNNING, worker=worker, lease_until=timezone.now() + LEASE, attempt=F("attempt") + 1
    )


def _work(check: IndexCheck, worker: str) -> list[Finding]:
    listed, findings, passages = list(parts(check.knowledge_base, check.sample)), [], 0
    _write(check, worker, progress_total=len(listed), progress=0)
    for done, part in enumerate(listed, 1):
        findings += check_part(part, repair=check.repair)
        passages += part.passages
        checked = {"parts": done, "passages": passages}
        _write(check, worker, progress=done, checked=checked, **_summary(findings))
    return findings


def _summary(findings: list[Finding]) -> dict:
    return {
        "findings": [asdict(finding) for finding in findings],
        "found": sum(finding.count for finding in findings),
        "repaired": sum(finding.repaired for finding in findings),
    }


def _held(check: IndexCheck, worker: str):
    return IndexCheck.objects.filter(pk=check.pk, worker=worker, state=State.RUNNING).order_by()


def _write(check: IndexCheck, holder: str, /, **fields) -> None:
    if not _held(check, holder).update(**({"lease_until": timezone.now() + LEASE} | fields)):
        raise Overtaken(check.pk)


def _forget_old() -> None:
    kept = IndexCheck.objects.order_by("-pk").values_list("pk", flat=True)[:KEPT]
    IndexCheck.objects.exclude(pk__in=list(kept)).exclude(state__in=(State.QUEUED, State.RUNNING)).delete()


def tend() -> None:
    """One sweep: free what a dead worker left, begin the nightly check, call for those that wait."""
    _free_lost()
    if _is_due():
        start(repair=True, asked_by="")
    due = Q(rung_at=None) | Q(rung_at__lt=timezone.now() - timedelta(seconds=EXPIRES))
    waiting = IndexCheck.objects.filter(due, state=State.QUEUED).order_by("pk").first()
    if waiting and not IndexCheck.objects.filter(state=State.RUNNING).exists():
        ring(waiting)


def _free_lost() -> None:
    for check in IndexCheck.objects.filter(state=State.RUNNING):
        if not is_dead(check.worker) and check.lease_until and check.lease_until > timezone.now():
            continue
        fields: dict[str, object] = {"state": State.QUEUED, "worker": "", "lease_until": None, "rung_at": None}
        if check.attempt >= settings.KB_MAX_ATTEMPTS:
            error = _("The worker stopped %(n)d times while it was at this check.") % {"n": check.attempt}
            fields |= {"state": State.FAILED, "error": error, "finished_at": timezone.now()}
        _held(check, check.worker).update(**fields)


def _is_due() -> bool:
    """Whether the hour of the nightly check has come and none of everything was begun since."""
    if settings.KB_CHECK_HOUR < 0:
        return False
    now = timezone.localtime()
    hour = now.replace(hour=settings.KB_CHECK_HOUR, minute=0, second=0, microsecond=0)
    since = hour if now >= hour else hour - timedelta(days=1)
    if IndexCheck.objects.filter(created_at__gte=since, knowledge_base=None).exists():
        return False
    return IndexCheck.objects.exists() or timedelta(0) <= now - hour < timedelta(hours=1)
