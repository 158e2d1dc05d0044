"""Ask the saved questions of an index and measure what is found: on the very code path of chat.

`start` writes down what is to be measured, a worker does it (`run`), `compare` tells two results apart.
"""

import logging

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from kb.acting import acts
from kb.models import Call, KnowledgeBase, User
from kb.workers import new_worker
from search.evaluation import jobs
from search.evaluation.ask_saved import EvaluationError, ask_saved, questions_of
from search.evaluation.comparison import Comparison, compare
from search.evaluation.dimension_curve import measure_dimensions
from search.evaluation.length_curve import measure_lengths
from search.models import EvaluationRun, Index, QuestionSet
from search.settings.tuning import Tuning, settings_for, tuning_of

__all__ = ["Comparison", "EvaluationError", "compare", "questions_of", "run", "start"]

log = logging.getLogger(__name__)
State, Reason = EvaluationRun.State, EvaluationRun.Reason


def start(
    knowledge_base: KnowledgeBase,
    *,
    index: Index | None = None,
    question_set: QuestionSet | None = None,
    tuning: Tuning | None = None,
    reason: str = Reason.ASKED,
    label: str = "",
    asked_by: User | None = None,
) -> EvaluationRun:
    """Queue an evaluation of this index (None: the serving one) with these questions (None: all that are saved).

    Searched is as `tuning` says, else by the knowledge base's settings of now. A worker is called when the
    transaction is done.
    """
    created = EvaluationRun.objects.create(
        knowledge_base=knowledge_base,
        index=index or Index.objects.filter(knowledge_base=knowledge_base, state=Index.State.SERVING).first(),
        question_set=question_set,
        tuning=(tuning or tuning_of(settings_for(knowledge_base))).as_json(),
        reason=reason,
        label=label[:200],
        asked_by=asked_by,
    )
    transaction.on_commit(lambda: jobs.ring(created.pk))
    return created


def run(run_id) -> None:
    """Work on a queued evaluation for a minute or until it is done; what is left waits for its next turn.

    Safe to call twice, and again after a kill: what was asked is not asked again.
    """
    worker = new_worker()
    claimed = jobs.claim(run_id, worker)
    if claimed is None:
        return
    try:
        with jobs.kept(worker), _acting(claimed):
            _go_on(claimed, worker)
    except jobs.LeaseLost:
        log.info("The evaluation %s was cancelled or taken over.", run_id)


def _acting(claimed: EvaluationRun):
    return acts(caller=Call.Caller.EVALUATION, user=claimed.asked_by_id, knowledge_base=claimed.knowledge_base_id)


def _go_on(claimed: EvaluationRun, worker: str) -> None:
    work = {Reason.CURVE: measure_dimensions, Reason.LENGTHS: measure_lengths}
    try:
        if not work.get(Reason(claimed.reason), ask_saved)(claimed, worker):
            jobs.release(claimed, worker, attempt=0)
            jobs.ring(claimed.pk)
    except EvaluationError as error:
        _give_up(claimed, worker, str(error), retry=error.retry)
    except jobs.LeaseLost:
        raise
    except Exception:
        log.exception("The evaluation %s failed.", claimed.pk)
        _give_up(claimed, worker, _("Measuring failed; the worker's log has the reason."), retry=True)


def _give_up(claimed: EvaluationRun, worker: str, error: str, *, retry: bool) -> None:
    """Where it may go better later the reconciler tries again, so long as there are attempts."""
    if retry and claimed.attempt < settings.KB_MAX_ATTEMPTS:
        jobs.write(claimed, worker, state=State.QUEUED, worker="", lease_until=None, error=error)
    else:
        jobs.finish(claimed, worker, State.FAILED, error=error)
