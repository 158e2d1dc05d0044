"""Evaluate by itself the knowledge bases whose settings ask for it every so many days."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from search.evaluation.evaluate import start
from search.models import EvaluationRun, Relevant, SearchSettings

Reason, State = EvaluationRun.Reason, EvaluationRun.State
UNFINISHED = (State.QUEUED, State.RUNNING)


def start_due() -> int:
    """Begin the evaluations that are due, of knowledge bases with questions; returns how many."""
    scheduled = SearchSettings.objects.filter(evaluate_every_days__gt=0, knowledge_base__deleted_at=None)
    return sum(_start(settings) for settings in scheduled.select_related("knowledge_base"))


def _start(settings: SearchSettings) -> bool:
    base = settings.knowledge_base
    since = timezone.now() - timedelta(days=settings.evaluate_every_days)
    recent = EvaluationRun.objects.filter(
        Q(created_at__gt=since) | Q(state__in=UNFINISHED), knowledge_base=base, reason=Reason.SCHEDULED
    )
    asks = Relevant.objects.filter(question__question_set__knowledge_base=base, document__deleted_at=None)
    if recent.exists() or not asks.exists():
        return False
    start(base, reason=Reason.SCHEDULED)
    return True
