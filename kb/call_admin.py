"""The call log in the admin panel: filtered, added up, drawn over time, and as CSV."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import display
from unfold.utils import parse_datetime_str

from kb.call_export import lines
from kb.call_figures import charts, steps, totals
from kb.models import Call

STATES = {Call.Status.OK: "success", Call.Status.ERROR: "danger", Call.Status.STOPPED: "warning"}
PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
USUAL = "week"


class PeriodFilter(DropdownFilter):
    """The last days, unless a time is given from when or until when."""

    title = _("period")
    parameter_name = "period"
    all_option = None

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        self.has_range = any(request.GET.get(name) for name in request.GET if name.startswith("at_"))
        return [
            ("hour", _("the last hour")), ("day", _("the last 24 hours")), ("week", _("the last 7 days")),
            ("month", _("the last 30 days")), ("all", _("all that is kept")),
        ]  # fmt: skip

    def value(self) -> str:
        chosen = super().value()
        return chosen if chosen in PERIODS or chosen == "all" else USUAL

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        period = PERIODS.get(self.value())
        return queryset if self.has_range or not period else queryset.filter(at__gte=timezone.now() - period)


class BetweenFilter(RangeDateTimeFilter):
    """From a day and until a day, on the clock of KB_TIME_ZONE; without a time of day from its beginning to its end."""

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        begins, ends = self._moment("from", "00:00:00"), self._moment("to", "23:59:59")
        queryset = queryset.filter(at__gte=begins) if begins else queryset
        return queryset.filter(at__lte=ends.replace(microsecond=999_999)) if ends else queryset

    def _moment(self, side: str, otherwise: str) -> datetime | None:
        day = self.used_parameters.get(f"at_{side}_0")
        time = self.used_parameters.get(f"at_{side}_1") or otherwise
        found = parse_datetime_str(f"{day} {time}") if day else None
        return timezone.make_aware(found) if found else None


class ModelFilter(DropdownFilter):
    """The models that the log knows."""

    title = _("model")
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        names = Call.objects.order_by("model").values_list("model", flat=True).distinct()
        return [(name, name) for name in names] or [("", "-")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(model=self.value()) if self.value() else queryset


@admin.register(Call)
class CallAdmin(ModelAdmin):
    """Rows that nobody writes or deletes here: they go when their time is over (KB_KEEP_CALLS_DAYS)."""

    list_display = ("when", "kind", "caller", "short_model", "who", "knowledge_base", "inputs", "tokens",
                    "milliseconds", "status_label", "price")  # fmt: skip
    list_filter = (
        PeriodFilter,
        ("kind", ChoicesDropdownFilter),
        ("caller", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ModelFilter,
        ("user", RelatedDropdownFilter),
        ("api_key", RelatedDropdownFilter),
        ("knowledge_base", RelatedDropdownFilter),
        ("at", BetweenFilter),
    )
    list_filter_submit = True
    list_select_related = ("user", "api_key", "knowledge_base")
    list_before_template = "admin/kb/call/before.html"
    list_per_page = 25
    show_full_result_count = False
    actions = None
    fields = ("at", ("kind", "caller"), ("user", "api_key"), "knowledge_base", "model", "inputs",
              ("tokens_in", "tokens_out", "cost"), ("milliseconds", "first_milliseconds"), ("status", "error"),
              "text")  # fmt: skip

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list:
        export = self.admin_site.admin_view(self.export)
        return [path("export.csv", export, name="kb_call_export"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """The list, with the figures of all rows that its filters leave."""
        response: Any = super().changelist_view(request, extra_context)
        changelist = getattr(response, "context_data", {}).get("cl")
        if changelist is not None:
            rows = changelist.queryset
            address = f"{reverse('admin:kb_call_export')}?{request.GET.urlencode()}"
            drawn = [(f"calls-{number}", chart) for number, chart in enumerate(charts(steps(rows)))]
            response.context_data |= {"totals": totals(rows), "charts": drawn, "export": address}
        return response

    def export(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """The rows that the filters leave, as CSV."""
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return redirect("admin:kb_call_changelist")
        name = f"lectern-calls-{timezone.localdate().isoformat()}.csv"
        disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingHttpResponse(lines(rows), content_type="text/csv; charset=utf-8", headers=disposition)

    @display(description=_("time"), ordering="at")
    def when(self, call: Call) -> str:
        return date_format(timezone.localtime(call.at), "j M H:i:s").replace(" ", "\u00a0")

    @display(description=_("model"), ordering="model")
    def short_model(self, call: Call) -> str:
        return call.model.rstrip("/").rpartition("/")[2]

    @display(description=_("cost"), ordering="cost")
    def price(self, call: Call) -> str:
        return "" if call.cost is None else f"{call.cost:.4f}"

    @display(description=_("who"))
    def who(self, call: Call) -> str:
        return " / ".join(str(one) for one in (call.user, call.api_key and call.api_key.name) if one)

    @display(description=_("tokens"), ordering="tokens_in")
    def tokens(self, call: Call) -> str:
        return f"{call.tokens_in}\u00a0+\u00a0{call.tokens_out}" if call.tokens_out else str(call.tokens_in or "")

    @display(description=_("status"), ordering="status", label=STATES)
    def status_label(self, call: Call) -> tuple[str, str]:
        return call.status, call.get_status_display()
