"""A check of the indexes as a job: begun by a button, a command or the night, done by one worker, seen to its end."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from kb.bell import EXPIRES, send
from kb.models import KnowledgeBase
from kb.workers import is_dead, new_worker, renewed
from search.checking.check import SAMPLE, Finding, Part, check_part, parts
from search.models import IndexCheck

log = logging.getLogger(__name__)
State = IndexCheck.State
HERE = "manage.py check_index"  # who asked, where it was a person at a terminal
Shown = Callable[[int, int, list[Finding]], object]  # is told: the part that is done, of how many, what was found
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
    """Do a check that waits, unless another one is running: two would get into each other's way."""
    worker = new_worker()
    if not _claim(check_id, worker):
        return
    try:
        see_through(IndexCheck.objects.select_related("knowledge_base").get(pk=check_id), worker)
    except Overtaken:
        log.info("Check %s was taken away while it was worked at.", check_id)


def begin_here(
    *, repair: bool, knowledge_base: KnowledgeBase | None, sample: int | None, worker: str
) -> IndexCheck | None:
    """A check that this process does at once, to be seen through; None while another one is running."""
    asked = {"repair": repair, "knowledge_base": knowledge_base, "sample": sample, "asked_by": HERE}
    held = {"state": State.RUNNING, "worker": worker, "lease_until": _until(), "attempt": 1}
    try:
        with transaction.atomic():
            return IndexCheck.objects.create(**asked, **held)
    except IntegrityError:
        return None


def see_through(check: IndexCheck, worker: str, show: Shown = lambda part, of, findings: None) -> list[Finding]:
    """Do a check that this worker holds, part by part, each shown when it is done. Raises Overtaken.

    What was begun before is gone on with: parts that are done are not done again.
    """
    try:
        with renewed(lambda: _held(check, worker).update(lease_until=_until()), "check lease"):
            findings = _work(check, worker, show)
            _end(check, worker, State.DONE, **_summary(findings))
    except Overtaken:
        raise
    except KeyboardInterrupt:
        _end(check, worker, State.FAILED, error=_("It was stopped."))
        raise
    except Exception:
        log.exception("A check of the indexes failed.")
        _end(check, worker, State.FAILED, error=_("Something unforeseen happened; the log of the worker says what."))
        raise
    _forget_old()
    return findings


def _claim(check_id, worker: str) -> bool:
    queued = IndexCheck.objects.filter(pk=check_id, state=State.QUEUED)
    try:
        with transaction.atomic():
            return bool(
                queued.update(state=State.RUNNING, worker=worker, lease_until=_until(), attempt=F("attempt") + 1)
            )
    except IntegrityError:  # another one is running
        return False


def _until() -> datetime:
    return timezone.now() + timedelta(seconds=settings.KB_LEASE_SECONDS)


def _work(check: IndexCheck, worker: str, show: Shown) -> list[Finding]:
    listed = list(parts(check.knowledge_base, check.sample))
    done, findings, passages = _done_before(check, listed)
    _write(check, worker, progress_total=len(listed), progress=done)
    for number, part in enumerate(listed[done:], done + 1):
        found = check_part(part, repair=check.repair)
        findings += found
        passages += part.passages
        checked = {"parts": number, "passages": passages, "last": part.key}
        _write(check, worker, progress=number, checked=checked, attempt=1, **_summary(findings))
        show(number, len(listed), found)
    return findings


def _done_before(check: IndexCheck, listed: list[Part]) -> tuple[int, list[Finding], int]:
    """How many of the parts another worker has done, what it found there, and among how many passages."""
    keys = [part.key for part in listed]
    if check.checked.get("last") not in keys:
        return 0, [], 0
    findings = [Finding(**{**one, "examples": tuple(one["examples"])}) for one in check.findings]
    return keys.index(check.checked["last"]) + 1, findings, check.checked["passages"]


def _summary(findings: list[Finding]) -> dict:
    return {
        "findings": [asdict(finding) for finding in findings],
        "found": sum(finding.count for finding in findings),
        "repaired": sum(finding.repaired for finding in findings),
    }


def _held(check: IndexCheck, worker: str):
    return IndexCheck.objects.filter(pk=check.pk, worker=worker, state=State.RUNNING).order_by()


def _write(check: IndexCheck, holder: str, /, **fields) -> None:
    """Raises Overtaken, having written nothing, if it is no longer held."""
    if not _held(check, holder).update(**fields):
        raise Overtaken(check.pk)


def _end(check: IndexCheck, holder: str, state: str, **fields) -> None:
    _write(check, holder, state=state, finished_at=timezone.now(), worker="", lease_until=None, **fields)


def _forget_old() -> None:
    kept = IndexCheck.objects.order_by("-pk").values_list("pk", flat=True)[:KEPT]
    IndexCheck.objects.exclude(pk__in=list(kept)).exclude(state__in=(State.QUEUED, State.RUNNING)).delete()


def tend() -> None:
    """One sweep: free what a dead worker left, begin the nightly check, call for those that wait."""
    free_lost()
    if _is_due():
        start(repair=True, asked_by="")
    due = Q(rung_at=None) | Q(rung_at__lt=timezone.now() - timedelta(seconds=EXPIRES))
    waiting = IndexCheck.objects.filter(due, state=State.QUEUED).order_by("pk").first()
    if waiting and not IndexCheck.objects.filter(state=State.RUNNING).exists():
        ring(waiting)


def free_lost() -> None:
    """Queue a check whose worker is gone, to be gone on with; FAIL one at a part that ended its worker too often."""
    for check in IndexCheck.objects.filter(state=State.RUNNING):
        if not is_dead(check.worker) and check.lease_until and check.lease_until > timezone.now():
            continue
        fields: dict[str, object] = {"state": State.QUEUED, "worker": "", "lease_until": None, "rung_at": None}
        if check.attempt >= settings.KB_MAX_ATTEMPTS:
            error = _("The worker stopped %(n)d times while it was at this check.") % {"n": check.attempt}
            fields |= {"state": State.FAILED, "error": error, "finished_at": timezone.now()}
        _held(check, check.worker).filter(lease_until=check.lease_until).update(**fields)


def _is_due() -> bool:
    """Whether the hour of the nightly check has come and none of everything was begun since."""
    if settings.KB_CHECK_HOUR < 0:
        return False
    now = timezone.localtime()
    hour = now.replace(hour=settings.KB_CHECK_HOUR, minute=0, second=0, microsecond=0)
    since = hour if now >= hour else hour - timedelta(days=1)
    if IndexCheck.objects.filter(created_at__gte=since, knowledge_base=None, repair=True).exists():
        return False
    earlier = IndexCheck.objects.filter(created_at__lt=since)  # else it is new here, and waits for its first night
    return earlier.exists() or timedelta(0) <= now - hour < timedelta(hours=1)
