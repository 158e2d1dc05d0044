"""Sets of questions and evaluations in the admin panel, to be looked at: they are made on a knowledge base's pages."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from kb.admin import ReadOnly
from search.evaluation.comparison import chat_way
from search.models import EvaluationRun, QuestionSet

STATES = {"done": "success", "running": "info", "failed": "danger"}


@admin.register(QuestionSet)
class QuestionSetAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "knowledge_base", "number", "created_by", "created_at")
    list_filter = (("knowledge_base", RelatedDropdownFilter),)
    list_filter_submit = True
    list_select_related = ("knowledge_base", "created_by")
    search_fields = ("name", "knowledge_base__name")
    fields = ("name", "knowledge_base", "number", "created_by", "created_at", "page")
    readonly_fields = ("number", "page")

    def get_queryset(self, request: HttpRequest) -> QuerySet[QuestionSet]:
        living = super().get_queryset(request).filter(knowledge_base__deleted_at=None)
        return living.annotate(number_questions=Count("questions"))

    @display(description=_("questions"), ordering="number_questions")
    def number(self, question_set: QuestionSet) -> int:
        return question_set.number_questions  # type: ignore[attr-defined]  # get_queryset adds it

    @display(description=_("page"))
    def page(self, question_set: QuestionSet) -> SafeString:
        return _link("question_set", question_set.knowledge_base_id, question_set.pk)


@admin.register(EvaluationRun)
class EvaluationRunAdmin(ReadOnly, ModelAdmin):
    list_display = ("created_at", "knowledge_base", "reason", "state_label", "questions", "recall", "mrr", "asked_by")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("reason", ChoicesDropdownFilter),
        ("knowledge_base", RelatedDropdownFilter),
    )
    list_filter_submit = True
    list_select_related = ("knowledge_base", "asked_by")
    search_fields = ("knowledge_base__name", "label")
    fields = ("knowledge_base", "question_set", "index", "label", "reason", "state", ("progress", "progress_total"),
              "attempt", "worker", "error", "tuning", "asked_by", ("created_at", "finished_at"), "page")  # fmt: skip
    readonly_fields = ("page",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EvaluationRun]:
        return super().get_queryset(request).filter(knowledge_base__deleted_at=None).defer("answers", "foreign")

    @display(description=_("state"), ordering="state", label=STATES)
    def state_label(self, run: EvaluationRun) -> tuple[str, str]:
        return run.state, run.get_state_display()

    @display(description=_("questions"))
    def questions(self, run: EvaluationRun) -> str:
        return f"{run.progress} / {run.progress_total}" if run.progress_total else ""

    @display(description="recall@5")
    def recall(self, run: EvaluationRun) -> str:
        return _figure(run, "recall@5")

    @display(description="MRR@10")
    def mrr(self, run: EvaluationRun) -> str:
        return _figure(run, "mrr@10")

    @display(description=_("page"))
    def page(self, run: EvaluationRun) -> SafeString:
        return _link("evaluation_run", run.knowledge_base_id, run.pk)


def _figure(run: EvaluationRun, measure: str) -> str:
    found = run.results.get(chat_way(run), {}).get(measure)
    return f"{found['value']:.3f} ({found['low']:.2f} - {found['high']:.2f})" if found else ""


def _link(view: str, *arguments) -> SafeString:
    address = reverse(view, args=arguments)
    return format_html('<a href="{}">{}</a>', address, address)
