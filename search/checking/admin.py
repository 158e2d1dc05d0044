"""Checks of the indexes in the admin panel: their history, what each found, and buttons to begin one."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display

from kb.admin import ReadOnly
from search.checking import jobs as check_jobs
from search.checking.check import sentence
from search.models import IndexCheck

State = IndexCheck.State
LABELS = {State.QUEUED: "", State.RUNNING: "info", State.DONE: "success", State.FAILED: "danger"}
LOOK_AGAIN = 3  # seconds, while a check is under way


@admin.register(IndexCheck)
class IndexCheckAdmin(ReadOnly, ModelAdmin):
    list_display = (
        "created_at",
        "state_label",
        "way",
        "scope",
        "passages",
        "found",
        "repaired",
        "number_left",
        "asker",
    )
    list_filter = ("state", "repair")
    list_select_related = ("knowledge_base",)
    list_before_template = "admin/search/indexcheck/start.html"
    fields = ("state", "way", "scope", "passages", ("found", "repaired", "number_left"), "table", "error",
              "asker", ("created_at", "finished_at"))  # fmt: skip
    readonly_fields = ("way", "scope", "passages", "number_left", "table", "asker")

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def get_urls(self) -> list:
        begin = self.admin_site.admin_view(require_POST(self.begin))
        return [path("begin", begin, name="search_indexcheck_begin"), *super().get_urls()]

    def begin(self, request: HttpRequest) -> HttpResponse:
        check_jobs.start(repair="repair" in request.POST, asked_by=request.user.get_username())
        self.message_user(request, _("The check begins as soon as a worker is free."))
        return redirect("admin:search_indexcheck_changelist")

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        running = IndexCheck.objects.filter(state__in=(State.QUEUED, State.RUNNING)).order_by("pk").first()
        response = super().changelist_view(request, {**(extra_context or {}), "running": running})
        return _looking_again(response, running)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        return _looking_again(response, IndexCheck.objects.filter(pk=object_id, state=State.RUNNING).first())

    @display(description=_("state"), ordering="state", label=LABELS)
    def state_label(self, check: IndexCheck) -> tuple[str, str]:
        return check.state, check.get_state_display()

    @display(description=_("what it does"))
    def way(self, check: IndexCheck) -> str:
        return str(_("checks and repairs") if check.repair else _("checks"))

    @display(description=_("knowledge base"))
    def scope(self, check: IndexCheck) -> str:
        return check.knowledge_base.name if check.knowledge_base else str(_("all"))

    @display(description=_("passages"))
    def passages(self, check: IndexCheck) -> int:
        return check.checked.get("passages", 0)

    @display(description=_("remain"))
    def number_left(self, check: IndexCheck) -> int:
        return check.left

    @display(description=_("asked for by"))
    def asker(self, check: IndexCheck) -> str:
        return check.asked_by or str(_("the night"))

    @display(description=_("what was found"))
    def table(self, check: IndexCheck) -> SafeString:
        findings = [{**one, "said": sentence(one["where"], one["kind"])} for one in check.findings]
        return render_to_string("admin/search/indexcheck/findings.html", {"check": check, "findings": findings})


def _looking_again(response: HttpResponse, unfinished: IndexCheck | None) -> HttpResponse:
    """The browser asks for the page again while something happens on it."""
    if unfinished:
        response["Refresh"] = str(LOOK_AGAIN)
    return response
