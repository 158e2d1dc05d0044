"""Administrators see the call log, filtered and added up, and take it along as CSV; nobody else does."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from kb.call_figures import percentiles, steps, totals
from kb.models import Call

pytestmark = pytest.mark.django_db
LIST, EXPORT = "admin:kb_call_changelist", "admin:kb_call_export"


def keep(model="plain", *, at=None, **fields) -> Call:
    return Call.objects.create(
        **{"at": at or timezone.now(), "kind": "chat", "caller": "api", "model": model, **fields}
    )


@pytest.fixture
def panel(client, admin):
    client.force_login(admin)
    return client


def models(response) -> list[str]:
    return sorted(call.model for call in response.context["cl"].queryset)


def table(response) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))


def test_half_and_95_of_100_answered_calls_took_at_most_so_long():
    for milliseconds in range(1, 101):
        keep(milliseconds=milliseconds)
    keep(milliseconds=99_999, status="error")
    found = totals(Call.objects.all())
    assert (found.calls, found.errors, found.median, found.slow) == (101, 1, 50, 95)
    assert totals(Call.objects.none()).median is None


def test_percentiles_are_those_of_each_part():
    from django.db.models import F

    for model, took in (("one", [7]), ("two", [10, 20]), ("three", [3, 1, 2])):
        for milliseconds in took:
            keep(model, milliseconds=milliseconds)
    assert percentiles(Call.objects.all(), F("model")) == {"one": (7, 7), "two": (10, 20), "three": (2, 3)}


@pytest.mark.parametrize(
    ("apart", "count"), [(timedelta(minutes=2), 3), (timedelta(hours=5), 6), (timedelta(days=9), 10)]
)
def test_steps_are_minutes_hours_or_days_and_empty_ones_are_there(apart, count):
    first = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
    keep(at=first, tokens_in=5, kind="rerank")
    keep(at=first, tokens_out=2)
    keep(at=first + apart, status="error")
    found = steps(Call.objects.all())
    assert len(found) == count
    assert found[0].calls == {"rerank": 1, "chat": 1} and (found[0].tokens_in, found[0].tokens_out) == (5, 2)
    assert found[-1].errors == 1 and found[-1].median is None
    assert all(step.calls == {} for step in found[1:-1])


def test_the_list_shows_the_last_week_unless_asked_for_more(panel):
    keep("new")
    keep("old", at=timezone.now() - timedelta(days=8))
    assert models(panel.get(reverse(LIST))) == ["new"]
    assert models(panel.get(reverse(LIST), {"period": "all"})) == ["new", "old"]
    assert models(panel.get(reverse(LIST), {"period": "nonsense"})) == ["new"]


def test_a_time_from_when_and_until_when_counts_instead_of_the_week(panel):
    for day in (3, 4, 5):
        keep(str(day), at=datetime(2026, 3, day, 23, 59, tzinfo=UTC))
    found = lambda **asked: models(panel.get(reverse(LIST), {"period": "week", **asked}))  # noqa: E731
    assert found(at_from_0="2026-03-04") == ["4", "5"]
    assert found(at_to_0="2026-03-04") == ["3", "4"]
    assert found(at_from_0="2026-03-04", at_to_0="2026-03-04") == ["4"]
    assert found(at_from_0="2026-03-03", at_from_1="23:59:30", at_to_0="2026-03-05", at_to_1="12:00:00") == ["4"]
    assert found(at_from_0="nonsense") == ["3", "4", "5"]


def test_filters_hold_for_the_list_the_sums_and_the_csv(panel, alice, bob, handbook):
    keep("a", user=alice, knowledge_base=handbook, kind="embed_query", caller="search", tokens_in=7)
    keep("b", user=bob, status="error")
    for asked in (
        {"user__id__exact": alice.pk}, {"knowledge_base__id__exact": handbook.pk}, {"kind__exact": "embed_query"},
        {"caller__exact": "search"}, {"status__exact": "ok"}, {"model": "a"},
    ):  # fmt: skip
        page = panel.get(reverse(LIST), asked)
        assert models(page) == ["a"], asked
        assert (page.context["totals"].calls, page.context["totals"].tokens_in) == (1, 7)
        assert [row[6] for row in table(panel.get(reverse(EXPORT), asked))] == ["model", "a"]


def test_the_charts_stand_on_the_page_as_data_and_no_script_is_in_it(panel):
    keep(milliseconds=30, tokens_in=4)
    page = panel.get(reverse(LIST))
    found = re.findall(r'<script id="calls-\d" type="application/json">(.*?)</script>', page.content.decode())
    assert [json.loads(text)["title"] for text in found] == ["Calls", "Tokens", "Milliseconds a call", "Not answered"]
    assert json.loads(found[0])["series"] == [{"name": "chat", "values": [1], "colour": 1}]
    assert "'unsafe-inline'" not in page["Content-Security-Policy"].split("script-src")[1].split(";")[0]


def test_the_csv_has_no_formula_and_a_text_only_where_it_is_kept(panel, settings):
    keep("=HYPERLINK(1)", error="+1", text="who?")
    (head, row) = table(panel.get(reverse(EXPORT)))
    assert "text" not in head and "who?" not in row
    assert (row[6], row[13]) == ("'=HYPERLINK(1)", "'+1")
    settings.KB_LOG_CALL_TEXT = True
    assert [line[-1] for line in table(panel.get(reverse(EXPORT)))] == ["text", "who?"]


def test_the_csv_comes_as_a_file_and_bad_filters_lead_back_to_the_list(panel):
    response = panel.get(reverse(EXPORT))
    assert response.streaming and response["Content-Type"].startswith("text/csv")
    assert response["Content-Disposition"].startswith('attachment; filename="lectern-calls-')
    assert panel.get(reverse(EXPORT), {"nonsense": "1"}).status_code == 302


def test_the_number_of_queries_does_not_grow_with_the_calls(panel, alice, handbook, django_assert_max_num_queries):
    for number in range(20):
        keep(str(number % 3), user=alice, knowledge_base=handbook)
    with django_assert_max_num_queries(25):
        panel.get(reverse(LIST))


def test_a_call_is_looked_at_and_not_changed(panel):
    call = keep("shown-model")
    address = reverse("admin:kb_call_change", args=[call.pk])
    assert b"shown-model" in panel.get(address).content
    assert panel.post(address, {"model": "other"}).status_code == 403
    assert panel.post(reverse("admin:kb_call_delete", args=[call.pk]), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("route", [LIST, EXPORT])
def test_nobody_but_administrators_gets_there(client, alice, route):
    assert client.get(reverse(route)).status_code == 302
    client.force_login(alice)
    assert client.get(reverse(route), follow=True).status_code == 404
