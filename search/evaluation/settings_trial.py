"""Try settings that take effect with the next question before they are saved: on the saved questions."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from kb.models import KnowledgeBase, User
from search.evaluation.comparison import Comparison, compare
from search.evaluation.evaluate import questions_of, start
from search.evaluation.question_sets import complete
from search.models import EvaluationRun, Index
from search.settings.tuning import Tuning, settings_for, tuning_from, tuning_of

State, Reason = EvaluationRun.State, EvaluationRun.Reason
KNOWN_FOR, FAILED_FOR = timedelta(hours=1), timedelta(minutes=1)  # how long a trial is not begun anew
AGAINST = "against"  # in EvaluationRun.tuning: the run of the settings as they are; no field of Tuning


@dataclass(frozen=True)
class Verdict:
    """What the saved questions say of proposed settings; `comparison` is None until both runs are done."""

    run: EvaluationRun
    before: EvaluationRun | None
    comparison: Comparison | None = None

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.comparison is not None or self.has_failed

    @property
    def has_failed(self) -> bool:
        return any(one is None or one.state in (State.FAILED, State.CANCELLED) for one in (self.run, self.before))

    @property
    def needs_a_yes(self) -> bool:
        """Whether the settings are not to be saved before somebody says so: they are worse, or it is not known."""
        return self.has_failed or (self.comparison is not None and self.comparison.is_worse)

    @property
    def sentences(self) -> list[str]:
        """For people."""
        if self.has_failed:
            reasons = [one.error for one in (self.before, self.run) if one and one.error]
            return [
                _("The saved questions could not be asked, so nobody knows whether the search gets worse."),
                *reasons,
            ]
        if self.comparison is None:
            return [_("The saved questions are being asked with the settings as they are and as they would be.")]
        worse = _("With these settings the search finds less.")
        return [worse if self.comparison.is_worse else _("The search does not get worse."), *self.comparison.sentences]


def can_be_tried(knowledge_base: KnowledgeBase, tuning: Tuning) -> bool:
    """Whether these are other settings than the saved ones, and there are questions and an index to try them on."""
    if tuning == tuning_of(settings_for(knowledge_base)):
        return False
    serving = Index.objects.filter(knowledge_base=knowledge_base, state=Index.State.SERVING)
    return serving.exists() and complete(questions_of(knowledge_base)).exists()


def preview(knowledge_base: KnowledgeBase, tuning: Tuning, asked_by: User | None = None) -> EvaluationRun:
    """Queue the saved questions with the settings as they are and as proposed; returns the run of the latter."""
    before = start(knowledge_base, reason=Reason.SETTINGS, label=_("the settings as they are"), asked_by=asked_by)
    after = start(
        knowledge_base, tuning=tuning, reason=Reason.SETTINGS, label=_("the proposed settings"), asked_by=asked_by
    )
    after.tuning = {**after.tuning, AGAINST: str(before.pk)}
    after.save(update_fields=["tuning"])
    return after


def verdict(run: EvaluationRun) -> Verdict:
    """What is known by now of the settings that `preview` tries."""
    runs = EvaluationRun.objects.filter(knowledge_base=run.knowledge_base_id, reason=Reason.SETTINGS)
    before = runs.filter(pk=run.tuning.get(AGAINST)).first()
    if before is None or {before.state, run.state} != {State.DONE}:
        return Verdict(run, before)
    return Verdict(run, before, compare(before, run))


def tried(knowledge_base: KnowledgeBase, run_id: str, tuning: Tuning) -> EvaluationRun | None:
    """The run of this id, if it tries exactly these settings of this knowledge base."""
    try:
        runs = knowledge_base.evaluation_runs.filter(pk=UUID(run_id), reason=Reason.SETTINGS)
    except ValueError:
        return None
    run = runs.select_related("knowledge_base").first()
    return run if run and tuning_from(run.tuning) == tuning else None


def tried_lately(knowledge_base: KnowledgeBase, tuning: Tuning) -> EvaluationRun | None:
    """The newest run that tries exactly these settings against those of now, on the index that serves now.

    What was found holds for an hour; that nothing could be found, for a minute.
    """
    now, saved = timezone.now(), tuning_of(settings_for(knowledge_base))
    runs = knowledge_base.evaluation_runs.filter(
        reason=Reason.SETTINGS, index__state=Index.State.SERVING, created_at__gt=now - KNOWN_FOR
    ).select_related("knowledge_base")
    for run in runs.order_by("-created_at"):
        found = verdict(run) if AGAINST in run.tuning and tuning_from(run.tuning) == tuning else None
        if found and found.before and tuning_from(found.before.tuning) == saved:
            is_old = found.has_failed and run.created_at < now - FAILED_FOR
            return None if is_old else run
    return None
