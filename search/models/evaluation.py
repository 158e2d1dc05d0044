"""Questions whose answers are known, and how well they are found."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from kb.models import Document, KnowledgeBase
from search.models.indexes import Index


class QuestionSet(models.Model):
    """Saved questions of a knowledge base, kept together."""

    knowledge_base = models.ForeignKey(KnowledgeBase, models.CASCADE, related_name="question_sets")
    name = models.CharField(_("name"), max_length=120)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("question set")
        verbose_name_plural = _("question sets")
        ordering = ("name",)
        constraints = [models.UniqueConstraint(name="a_question_sets_name_once", fields=["knowledge_base", "name"])]

    def __str__(self) -> str:
        return self.name


class Question(models.Model):
    """A question whose right passages are known, or of which it is known that nothing here answers it."""

    question_set = models.ForeignKey(QuestionSet, models.CASCADE, related_name="questions")
    text = models.TextField(_("question"))
    has_answer = models.BooleanField(_("has an answer here"), default=True, help_text=_("If not, it is to be refused."))
    origin = models.CharField(_("origin"), max_length=20, blank=True, help_text=_("typed, uploaded or chat"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.text[:60]


class Relevant(models.Model):
    """A document that answers a question; where `start` and `end` are set, that part of its text alone.

    Offsets count in the document's text, so they hold however it is cut into passages. A document that is deleted
    takes this with it; `quote` finds the place again in a new version of the document.
    """

    question = models.ForeignKey(Question, models.CASCADE, related_name="relevant")
    document = models.ForeignKey(Document, models.CASCADE, related_name="+")
    start = models.PositiveIntegerField(null=True, blank=True)
    end = models.PositiveIntegerField(null=True, blank=True)
    quote = models.TextField(blank=True)
    grade = models.PositiveSmallIntegerField(default=1, help_text=_("how well it answers; for nDCG"))

    def __str__(self) -> str:
        return f"{self.document}: {self.quote[:40]}"


class EvaluationRun(models.Model):
    """The saved questions asked of one index. This row is also its job: state, lease and error.

    `tuning` is how was searched (search.settings.tuning.Tuning as a dict). `results` maps a way of searching ("vector",
    "keyword", "hybrid", "reranked") to {"recall@5": {"value", "low", "high"}, ..., "milliseconds": {"p50", "p95"}};
    where dimensions or passage lengths are compared, these stand in the place of the way.

    `answers` holds a row a question with the ranks of what is relevant and the signs by which it is answered or not;
    `foreign` a row of signs for each that is to be refused: saved ones, and shipped ones about other things.
    `refusals` counts both: {"answerable", "unanswerable", "neutral"}: {"asked", "refused"}.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    class Reason(models.TextChoices):
        ASKED = "asked", _("asked for")
        SCHEDULED = "scheduled", _("scheduled")
        SWITCH = "switch", _("before a switch")
        SETTINGS = "settings", _("before a change of settings")
        CURVE = "curve", _("curve of dimensions")
        LENGTHS = "lengths", _("comparison of passage lengths")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    knowledge_base = models.ForeignKey(KnowledgeBase, models.CASCADE, related_name="evaluation_runs")
    question_set = models.ForeignKey(
        QuestionSet, models.SET_NULL, null=True, blank=True, related_name="runs", help_text=_("empty: all questions")
    )
    index = models.ForeignKey(Index, models.SET_NULL, null=True, related_name="evaluation_runs")
    label = models.CharField(_("what was measured"), max_length=200, blank=True)
    reason = models.CharField(_("why"), max_length=10, choices=Reason.choices, default=Reason.ASKED)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.QUEUED)
    tuning = models.JSONField(default=dict)
    results = models.JSONField(default=dict)
    answers = models.JSONField(default=list)
    foreign = models.JSONField(default=list)
    refusals = models.JSONField(default=dict)
    progress = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    rung_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(_("error"), blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(_("asked for"), auto_now_add=True)
    finished_at = models.DateTimeField(_("done"), null=True, blank=True)

    class Meta:
        verbose_name = _("evaluation")
        verbose_name_plural = _("evaluations")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.knowledge_base} {self.created_at:%Y-%m-%d %H:%M}"


class AnswerFit(models.Model):
    """The limits of answering that an evaluation of all saved questions fits to an index (search.evaluation.fit).

    Another index has other cosines, and a fit of its own. `observed` keeps what was seen of each question, in numbers
    alone (search.evaluation.fit.Observed), so that it can be said what other limits would do.
    """

    index = models.OneToOneField(Index, models.CASCADE, related_name="answer_fit")
    meaning = models.FloatField()
    words = models.FloatField()
    pairs = models.FloatField()
    observed = models.JSONField(default=list)
    fitted_at = models.DateTimeField(_("fitted"))

    class Meta:
        verbose_name = _("fitted limits of answering")
        verbose_name_plural = _("fitted limits of answering")

    def __str__(self) -> str:
        return f"{self.index} {self.fitted_at:%Y-%m-%d %H:%M}"
