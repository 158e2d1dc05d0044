"""Hold an index that is built against the one that serves: the saved questions are asked of both."""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from search.evaluation import evaluate
from search.evaluation.question_sets import complete
from search.generations.current import serving_index
from search.models import EvaluationRun, Index


class _State(Enum):
    NO_QUESTIONS = "no questions"
    RUNNING = "running"
    FAILED = "failed"
    WORSE = "worse"
    NOT_WORSE = "not worse"


@dataclass(frozen=True)
class Trial:
    """How the built index does beside the serving one; the runs are None where there are no questions to ask."""

    state: _State
    before: EvaluationRun | None = None
    after: EvaluationRun | None = None
    comparison: evaluate.Comparison | None = None
    State = _State

    @property
    def sentence(self) -> str:
        """What there is to say of it, for people."""
        return {
            _State.NO_QUESTIONS: _("There are no saved questions to compare it by."),
            _State.RUNNING: _("The saved questions are being asked of both indexes."),
            _State.FAILED: _("The saved questions could not be asked of both, so it is not put to use by itself."),
            _State.WORSE: _("It finds less on the saved questions, so it is not put to use by itself."),
            _State.NOT_WORSE: _("It is not worse on the saved questions."),
        }[self.state]  # fmt: skip


def trial_of(index: Index) -> Trial:
    """The trial of a built index, begun if it was not yet. Questions that know no document cannot tell anything."""
    if not complete(evaluate.questions_of(index.knowledge_base)).exists():
        return Trial(_State.NO_QUESTIONS)
    with transaction.atomic():
        Index.objects.select_for_update().get(pk=index.pk)  # workers that come here together begin one
        return shown_trial(index) or try_again(index)


def shown_trial(index: Index) -> Trial | None:
    """The same, of a trial that was begun."""
    after = _runs(index).first()
    before = after and _runs(serving_index(index.knowledge_base)).filter(created_at__gte=index.built_at).first()
    if after is None or before is None:
        return None
    states = {before.state, after.state}
    if states & {EvaluationRun.State.FAILED, EvaluationRun.State.CANCELLED}:
        return Trial(_State.FAILED, before, after)
    if states != {EvaluationRun.State.DONE}:
        return Trial(_State.RUNNING, before, after)
    comparison = _compared(before.pk, after.pk)
    return Trial(_State.WORSE if comparison.is_worse else _State.NOT_WORSE, before, after, comparison)


@lru_cache(64)
def _compared(before: UUID, after: UUID) -> evaluate.Comparison:
    """Runs that are done stay as they are, and the test for chance takes its time."""
    runs = EvaluationRun.objects.in_bulk([before, after])
    return evaluate.compare(runs[before], runs[after])


def _runs(index: Index):
    """Of this index, before a switch; the newest first."""
    return EvaluationRun.objects.filter(index=index, reason=EvaluationRun.Reason.SWITCH).order_by("-created_at")


def try_again(index: Index) -> Trial:
    """Ask the saved questions of both, also where they were asked before."""
    serving = serving_index(index.knowledge_base)
    before, after = (
        evaluate.start(index.knowledge_base, index=each, reason=EvaluationRun.Reason.SWITCH, label=label)
        for each, label in ((serving, _("the index in use")), (index, _("the index that was built")))
    )
    return Trial(_State.RUNNING, before, after)
