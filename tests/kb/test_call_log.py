"""Calls of models are written down by a thread: who made them, how they ended, and never what was said."""

import asyncio
import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError
from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone

from kb.acting import NOBODY, about, acting, acts, acts_as, as_json
from kb.call_buffer import Buffer
from kb.calls import counting, forget_old_calls, read_tokens, recording, waiting
from kb.middleware import ActingMiddleware
from kb.models import ApiKey, Call

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_waits():
    waiting.clear()
    yield
    waiting.clear()


def kept() -> list[Call]:
    waiting.flush()
    return list(Call.objects.order_by("at", "pk"))


def test_a_call_is_kept_with_its_figures_and_nothing_of_its_text():
    with recording(Call.Kind.CHAT, model="plain", prices=(Decimal(2), Decimal(10))) as call:
        call.note_text("Who pays for the hotel?")
        call.first_token()
        call.note_piece("The guest.")
        call.tokens_in, call.tokens_out = 500, 100
    (row,) = kept()
    assert (row.kind, row.model, row.tokens_in, row.tokens_out, row.status) == ("chat", "plain", 500, 100, "ok")
    assert row.first_milliseconds is not None and row.milliseconds >= row.first_milliseconds
    assert row.cost == Decimal("0.002")
    assert row.text == "" and row.cost is not None


def test_the_text_is_kept_where_someone_switched_that_on(settings):
    settings.KB_LOG_CALL_TEXT = True
    with recording(Call.Kind.EMBED_QUERY, model="plain") as call:
        call.note_text("Who\0 pays?", "Who else?")
    assert kept()[0].text == "Who pays?\n\nWho else?"


class Refused(Exception):
    message = "The model server refused with 400: input 'the salary of Charlie' is too long"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (Refused(), "error", "The model server refused with 400"),
        (ValueError("the salary of Charlie"), "error", "ValueError"),
        (asyncio.CancelledError(), "stopped", ""),
        (GeneratorExit(), "stopped", ""),
    ],
)
def test_how_a_call_ended_is_kept_and_no_text_with_it(error, status, said):
    with pytest.raises(type(error)), recording(Call.Kind.CHAT, model="plain"):
        raise error
    (row,) = kept()
    assert (row.status, row.error) == (status, said)


def test_an_answer_that_is_whole_is_not_stopped_by_whoever_leaves_then():
    def answer():
        with recording(Call.Kind.CHAT, model="plain") as call:
            call.done()
            yield "the last piece"

    pieces = answer()
    next(pieces)
    pieces.close()
    assert kept()[0].status == "ok"


def test_what_model_servers_say_they_read_is_added_up():
    with recording(Call.Kind.EMBED_DOCUMENTS, model="plain", inputs=2) as call, counting(call):
        read_tokens(7)
        read_tokens(None)
        read_tokens(5)
    read_tokens(100)
    assert kept()[0].tokens_in == 12


def test_whoever_asks_over_the_web_is_named_also_while_the_answer_streams(rf, alice, handbook):
    key, _secret = ApiKey.issue(alice, "notebook")

    def call():
        with about([handbook.pk]), recording(Call.Kind.EMBED_QUERY, model="plain"):
            pass

    def pieces():
        yield b"first"
        call()
        yield b"second"

    def answer(request):
        request.user = alice  # as a key's, which is found inside
        call()
        return StreamingHttpResponse(pieces()) if request.path == "/v1/chat" else HttpResponse()

    ActingMiddleware(answer)(rf.get("/search"))
    alice.acting_key = key
    response = ActingMiddleware(answer)(rf.get("/v1/chat"))
    assert acting() == NOBODY
    assert b"".join(response.streaming_content) == b"firstsecond"
    page, asked, streamed = kept()
    assert (page.caller, page.user, page.api_key, page.knowledge_base) == ("search", alice, None, handbook)
    for row in (asked, streamed):
        assert (row.caller, row.user, row.api_key, row.knowledge_base) == ("api", alice, key, handbook)


def test_who_acts_is_told_to_another_process(handbook):
    with acts(caller=Call.Caller.EVALUATION, user=7), about([handbook.pk]):
        said = as_json()
    assert acting() == NOBODY
    with acts_as(said):
        assert (acting().caller, acting().user, acting().knowledge_base) == ("evaluation", 7, str(handbook.pk))
    with acts_as(None):
        assert acting() == NOBODY


def test_several_knowledge_bases_are_none_in_particular(handbook):
    import uuid

    with about([handbook.pk, uuid.uuid4()]):
        assert acting().knowledge_base is None


@pytest.mark.django_db(transaction=True)
def test_a_person_who_is_deleted_meanwhile_takes_no_calls_along(alice, bob):
    for who in (alice, bob):
        with acts(user=who.pk), recording(Call.Kind.CHAT, model="plain"):
            pass
    bob.delete()
    assert [row.user for row in kept()] == [alice, None]


def test_rows_wait_for_a_database_that_is_away_and_the_oldest_are_lost_beyond_the_bound(caplog):
    taken, is_away = [], True

    def write(rows):
        if is_away:
            raise OperationalError("the server is gone")
        taken.extend(rows)

    buffer = Buffer(write, most=3)
    for number in range(5):
        buffer.add({"n": number})
        buffer.flush()
    assert len(buffer) == 3 and not taken
    is_away = False
    buffer.flush()
    assert [row["n"] for row in taken] == [2, 3, 4]
    assert caplog.text.count("they wait") == 1 and "2 calls of models were not written" in caplog.text


def test_what_the_database_refuses_is_dropped_and_logged(caplog):
    def write(rows):
        raise ValueError("no such column")

    buffer = Buffer(write)
    buffer.add({})
    buffer.flush()
    assert len(buffer) == 0 and "could not be written down" in caplog.text


def test_a_thread_writes_what_waits_soon(settings):
    settings.KB_FLUSH_CALLS_SECONDS = 0.01
    written = threading.Event()
    buffer = Buffer(lambda rows: written.set())
    buffer.add({})
    assert written.wait(30)


def test_calls_are_forgotten_when_their_time_is_over(settings, monkeypatch):
    monkeypatch.setattr("kb.calls.FORGOTTEN_AT_ONCE", 2)
    now = timezone.now()
    for days in (100, 95, 91, 89, 0):
        Call.objects.create(at=now - timedelta(days=days), kind="chat", caller="api", model=str(days))
    settings.KB_KEEP_CALLS_DAYS = 0
    assert forget_old_calls() == 0
    settings.KB_KEEP_CALLS_DAYS = 90
    assert forget_old_calls() == 3
    assert sorted(Call.objects.values_list("model", flat=True)) == ["0", "89"]
