"""Keep the limits of answering that an evaluation fits to its index, and what they rest on."""

from dataclasses import asdict

from django.utils import timezone

from search.answerable import Signs
from search.evaluation.fit import Observed, fit
from search.evaluation.foreign import observed_in
from search.models import AnswerFit, EvaluationRun, Question

Reason = EvaluationRun.Reason
FITTING = (Reason.ASKED, Reason.SCHEDULED, Reason.SWITCH)  # the others ask in other ways than chat


def keep_fit(run: EvaluationRun) -> None:
    """Keep what a run fits to its index, if it asked all saved questions: part of them would say less."""
    if run.index is None or run.reason not in FITTING or not _asked_all(run):
        return
    observed = list(observed_in(run))
    values = {**asdict(fit(observed)), "observed": [asdict(one) for one in observed], "fitted_at": timezone.now()}
    AnswerFit.objects.update_or_create(index=run.index, defaults=values)


def _asked_all(run: EvaluationRun) -> bool:
    others = Question.objects.filter(question_set__knowledge_base=run.knowledge_base_id)
    return run.question_set_id is None or not others.exclude(question_set=run.question_set_id).exists()


def observed_for(fitted: AnswerFit) -> list[Observed]:
    """The signs of the questions that it was fitted to."""
    return [Observed(**{**one, "signs": Signs(**one["signs"])}) for one in fitted.observed]
