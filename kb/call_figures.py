"""What the call log adds up to: sums, percentiles, and how they went over time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Max, Min, Q, QuerySet, Sum, Value, Window
from django.db.models.functions import RowNumber, Trunc
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from kb.models import Call

UNITS = (("minute", timedelta(hours=3)), ("hour", timedelta(days=4)))  # with how long a time they divide; else days
FORMATS = {"minute": "H:i", "hour": "j M H:i", "day": "j M"}
Status, Kind = Call.Status, Call.Kind


@dataclass(frozen=True)
class Totals:
    """Of some calls. `median` and `slow` are milliseconds that half and 95 of 100 answered calls took at the most."""

    calls: int
    inputs: int
    tokens_in: int
    tokens_out: int
    cost: Decimal | None
    errors: int
    stopped: int
    median: int | None
    slow: int | None

    @property
    def error_percent(self) -> float:
        return 100 * self.errors / self.calls if self.calls else 0.0


def totals(rows: QuerySet[Call]) -> Totals:
    """Two queries over the rows."""
    summed = rows.order_by().aggregate(
        calls=Count("pk"), inputs_read=Sum("inputs", default=0), read=Sum("tokens_in", default=0),
        written=Sum("tokens_out", default=0), paid=Sum("cost"), errors=Count("pk", filter=Q(status=Status.ERROR)),
        stopped=Count("pk", filter=Q(status=Status.STOPPED)),
    )  # fmt: skip
    median, slow = percentiles(rows, Value(0)).get(0, (None, None))
    return Totals(
        summed["calls"], summed["inputs_read"], summed["read"], summed["written"], summed["paid"], summed["errors"],
        summed["stopped"], median, slow,
    )  # fmt: skip


def percentiles(rows: QuerySet[Call], part: Any) -> dict[Any, tuple[int, int]]:
    """Part -> the 50th and the 95th percentile of milliseconds, by nearest rank: of answered calls, in one query."""
    answered = rows.order_by().filter(status=Status.OK).annotate(part=part)
    ranked = answered.annotate(
        place=Window(RowNumber(), partition_by=[F("part")], order_by=[F("milliseconds").asc(), F("pk").asc()]),
        of=Window(Count("pk"), partition_by=[F("part")]),
    )
    at_50, at_95 = (F("of") * 50 + 99) / 100, (F("of") * 95 + 99) / 100
    found: dict[Any, tuple[int, int]] = {}
    picked = ranked.filter(Q(place=at_50) | Q(place=at_95)).order_by("place")
    for key, milliseconds in picked.values_list("part", "milliseconds"):
        found[key] = (found[key][0], milliseconds) if key in found else (milliseconds, milliseconds)
    return found


@dataclass(frozen=True)
class Step:
    """One minute, hour or day. `calls` has a number a kind that occurs; `median` and `slow` are as in Totals."""

    label: str
    calls: dict[str, int]
    tokens_in: int = 0
    tokens_out: int = 0
    errors: int = 0
    stopped: int = 0
    median: int | None = None
    slow: int | None = None


def steps(rows: QuerySet[Call]) -> list[Step]:
    """From the first call to the last, the steps without any included; in minutes, hours or days by how long that is.

    Three queries over the rows.
    """
    span = rows.order_by().aggregate(first=Min("at"), last=Max("at"))
    if span["first"] is None:
        return []
    unit = _unit(span["last"] - span["first"])
    trunc = Trunc("at", unit, tzinfo=timezone.get_current_timezone())
    groups: dict[datetime, list[dict[str, Any]]] = {}
    for group in _grouped(rows, trunc):
        groups.setdefault(group["step"], []).append(group)
    took = percentiles(rows, trunc)
    return [_step(unit, at, groups.get(at, []), took.get(at)) for at in _every(unit, min(groups), max(groups))]


def _unit(span: timedelta) -> str:
    return next((unit for unit, longest in UNITS if span <= longest), "day")


def _grouped(rows: QuerySet[Call], trunc: Trunc) -> QuerySet:
    return rows.order_by().annotate(step=trunc).values("step", "kind").annotate(
        calls=Count("pk"), read=Sum("tokens_in"), written=Sum("tokens_out"),
        errors=Count("pk", filter=Q(status=Status.ERROR)), stopped=Count("pk", filter=Q(status=Status.STOPPED)),
    )  # fmt: skip


def _every(unit: str, first: datetime, last: datetime) -> Iterator[datetime]:
    """Days by the clock on the wall, which some days turns back; hours and minutes as they pass."""
    at, passing = first, timedelta(**{f"{unit}s": 1})
    while at <= last:
        yield at
        at = at + passing if unit == "day" else (at.astimezone(UTC) + passing).astimezone(at.tzinfo)


def _step(unit: str, at: datetime, groups: list[dict[str, Any]], took: tuple[int, int] | None) -> Step:
    label = date_format(at, FORMATS[unit])
    calls = {group["kind"]: group["calls"] for group in groups}
    read, written, errors, stopped = (
        sum(group[name] for group in groups) for name in ("read", "written", "errors", "stopped")
    )
    return Step(label, calls, read, written, errors, stopped, *(took or (None, None)))


def charts(found: list[Step]) -> list[dict[str, Any]]:
    """Four charts, as static/js/calls.js draws them.

    Each is {"title", "kind": "bars" or "lines", "labels", "series": [{"name", "values", "colour"}]}.
    """
    kinds = [(value, label) for value, label in Kind.choices if any(value in step.calls for step in found)]
    by_kind = [(str(label), [step.calls.get(value, 0) for step in found]) for value, label in kinds]
    return [
        _chart(_("Calls"), "bars", found, by_kind),
        _chart(_("Tokens"), "bars", found, [
            (_("read"), [step.tokens_in for step in found]), (_("written"), [step.tokens_out for step in found]),
        ]),
        _chart(_("Milliseconds a call"), "lines", found, [
            (_("half within"), [step.median for step in found]),
            (_("95 of 100 within"), [step.slow for step in found]),
        ]),
        _chart(_("Not answered"), "bars", found, [
            (_("failed"), [step.errors for step in found]), (_("stopped"), [step.stopped for step in found]),
        ], first_colour=5),
    ]  # fmt: skip


def _chart(
    title: str, kind: str, found: list[Step], series: list[tuple[str, list]], first_colour: int = 1
) -> dict[str, Any]:
    drawn = [{"name": name, "values": values, "colour": n} for n, (name, values) in enumerate(series, first_colour)]
    return {"title": title, "kind": kind, "labels": [step.label for step in found], "series": drawn}
