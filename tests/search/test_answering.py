"""The process that writes answers loses none, whatever is slow beside it, and writes none that nobody waits for."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest
from django.db import OperationalError, connections

from kb.acting import acts
from kb.calls import waiting
from kb.models import Call
from search import answer_lane
from search.answer_lane import AnswerLaneError
from search.answering.threads import beating, checking, extracting, keeping, starting
from search.cite import cite
from search.conversations.abandoned import end_abandoned
from search.conversations.record import record
from search.models import Conversation, Message
from search.passage import Passage
from search.writing import end_without_model, name_of
from tests.integration.lectern import until
from tests.search.model_server import ANSWER, Habits
from tests.search.openai_api.conftest import TEXTS, folder, model, preset, rules, server, worker

__all__ = ["folder", "model", "preset", "rules", "server", "worker"]

pytestmark = pytest.mark.django_db(transaction=True)
WAIT = 60  # seconds, on a busy machine
TURNS = ({"role": "user", "content": "How often is the kettle descaled?"},)
TEXT = "".join(ANSWER)
State = Message.State


@pytest.fixture(autouse=True)
def database_in_a_file(transactional_db, tmp_path, monkeypatch):
    """As an installation's SQLite is: one in memory refuses whoever comes while another writes."""
    for each in (starting, beating, keeping, extracting, checking):  # threads of other tests are in that one still
        monkeypatch.setattr(each, "_pool", ThreadPoolExecutor(each._pool._max_workers))
    memory = connections["default"]
    if memory.vendor != "sqlite":
        yield
        return
    name, memory.settings_dict["NAME"] = memory.settings_dict["NAME"], str(tmp_path / "lectern.sqlite3")
    with closing(sqlite3.connect(tmp_path / "lectern.sqlite3")) as file:
        memory.connection.backup(file)
    del connections["default"]
    yield
    connections["default"].close()
    memory.settings_dict["NAME"], connections["default"] = name, memory


@pytest.fixture
def asked(alice, rules, model):
    """Gives a question of Alice's that is being answered; begun unless told otherwise."""

    def made(begun: bool = True) -> Message:
        conversation = Conversation.objects.create(user=alice)
        message = Message(conversation=conversation, question="How often is the kettle descaled?", state=State.WRITING)
        record(message, cite("", [passage_of(rules)]))
        if begun:
            begin(message, model)
        return message

    return made


def passage_of(document) -> Passage:
    chunk = document.listed[0]
    return Passage(chunk.pk, document.pk, document.knowledge_base_id, document.title, TEXTS[0], 0, len(TEXTS[0]))


def begin(message: Message, model) -> None:
    answer_lane.begin(name_of(message), model.pk, TURNS, 1, message=message.pk)


def seen(message: Message) -> Message:
    message.refresh_from_db()
    return message


def ended(message: Message) -> Message:
    until(lambda: seen(message).state != State.WRITING, WAIT, "the answer to end")
    return message


@pytest.fixture
def held(monkeypatch):
    """Gives a stand-in for a function that waits until the event `go` is set; `held.count` have begun."""

    class Held:
        go, count = threading.Event(), 0

        def __call__(self, *arguments):
            Held.count += 1
            assert Held.go.wait(10 * WAIT)
            return ()

    yield Held()
    Held.go.set()


def test_an_answer_has_ended_while_its_check_still_waits(asked, held, monkeypatch):
    monkeypatch.setattr("search.bear_out.borne_out", held)
    message = asked()
    *_, last = answer_lane.follow(name_of(message))
    assert last["ending"]["state"] == "done"
    assert (seen(message).state, message.answer, message.awaits_check) == (State.DONE, TEXT, True)
    held.go.set()
    until(lambda: not seen(message).awaits_check, WAIT, "the check")


def test_checks_that_wait_hold_up_no_other_answer(asked, held, monkeypatch):
    monkeypatch.setattr("search.bear_out.borne_out", held)
    messages = [asked() for _ in range(12)]
    for message in messages:
        assert ended(message).answer == TEXT
    assert ended(asked()).answer == TEXT
    assert held.count == 2  # of as many threads as there are for it


def test_an_answer_that_waits_to_be_kept_is_not_given_up(asked, held, monkeypatch):
    from search.answering import writer

    keep = writer.keep
    monkeypatch.setattr(writer, "KEEP_EVERY", 0.05)
    monkeypatch.setattr(writer, "keep", lambda *what: held() or keep(*what))
    message = asked()
    until(lambda: held.count, WAIT, "the end")
    first = seen(message).beat_at
    until(lambda: seen(message).beat_at and seen(message).beat_at != first, WAIT, "a beat after the end")
    assert message.answer == TEXT
    assert end_abandoned() == 0
    held.go.set()
    assert (ended(message).state, message.notes) == (State.DONE, [])


def test_whoever_reads_is_told_that_it_goes_on_until_it_is_kept(asked, held, monkeypatch):
    monkeypatch.setattr("search.answering.app.BEAT", 0.05)
    monkeypatch.setattr("search.answering.writer.keep", held)
    lines = answer_lane.follow(name_of(asked()))
    for line in lines:
        if held.count and not line:
            held.go.set()
        last = line
    assert held.go.is_set() and last["ending"]


def test_a_database_that_is_away_for_a_moment_loses_no_answer(asked, monkeypatch):
    from search.answering import writer

    keep, faults = writer.keep, [OperationalError("away"), OperationalError("still away")]

    def flaky(*what):
        if faults:
            raise faults.pop()
        return keep(*what)

    monkeypatch.setattr(writer, "keep", flaky)
    monkeypatch.setattr(writer, "KEEP_AGAIN", (0.01, 0.01))
    assert (ended(asked()).state, faults) == (State.DONE, [])


def test_one_text_that_cannot_be_kept_stops_no_other_beat(asked, server, monkeypatch):
    monkeypatch.setattr("search.answering.writer.KEEP_EVERY", 0.05)
    monkeypatch.setattr("search.chat.clean.clean", lambda text: text)
    server.habits = Habits(pieces=("half a \ud83d x", *ANSWER), pace=0.1, fault="endless")
    odd = asked()
    until(lambda: server.asked and server.asked[0].pieces > 1, WAIT, "the odd piece")
    server.habits = Habits(pace=0.1, fault="endless")
    other = asked()
    until(lambda: seen(other).answer, WAIT, "what is written of the other")
    assert seen(odd).beat_at and not odd.answer
    for each in (odd, other):
        answer_lane.stop(name_of(each))


def test_an_answer_that_was_given_up_before_it_was_begun_is_not_begun(asked, held, server, model, monkeypatch):
    from search.answering import app

    chosen = app.settings_of
    monkeypatch.setattr(app, "settings_of", lambda pk: held() or chosen(pk))
    monkeypatch.setattr(answer_lane, "ASK_SECONDS", httpx.Timeout(0.3))
    message = asked(begun=False)
    with pytest.raises(AnswerLaneError):
        begin(message, model)
    end_without_model(message, "It does not answer.")
    held.go.set()
    time.sleep(1)
    assert not list(answer_lane.follow(name_of(message)))
    assert (server.asked, seen(message).state) == ([], State.FAILED)


@pytest.mark.parametrize("by", ["ending", "deleting"])
def test_an_answer_that_nobody_waits_for_any_more_is_broken_off(asked, server, by):
    server.habits = Habits(pace=0.1, fault="endless")
    message = asked()
    until(lambda: server.asked and server.asked[0].pieces > 1, WAIT, "a first piece")
    if by == "ending":
        end_without_model(message, "It does not answer.")
    else:
        message.conversation.delete()
    assert server.asked[0].ended.wait(WAIT) and server.asked[0].hung_up


def test_many_that_wait_to_be_begun_hold_up_nothing_that_is_written(asked, held, model, monkeypatch):
    from search.answering import app

    message = asked(begun=False)
    chosen = app.settings_of
    begin(message, model)
    monkeypatch.setattr(app, "settings_of", lambda pk: held() or chosen(pk))
    monkeypatch.setattr(answer_lane, "ASK_SECONDS", httpx.Timeout(0.3))
    for _ in range(9):
        with pytest.raises(AnswerLaneError):
            begin(asked(begun=False), model)
    assert ended(message).answer == TEXT


@pytest.mark.parametrize(
    ("habits", "kinds"),
    [
        (Habits(pieces=("The kettle is cleaned monthly with acid [1].",)), {"chat", "embed_documents"}),
        (Habits(fault="cut"), {"chat", "embed_documents", "embed_query"}),
    ],
    ids=["checked", "failed"],
)
def test_every_call_for_an_answer_is_written_down_as_asked_by_whoever_asked(
    asked, server, model, alice, handbook, habits, kinds
):
    server.habits = habits
    message = asked(begun=False)
    waiting.clear()
    with acts(caller=Call.Caller.SEARCH, user=alice.pk, knowledge_base=handbook.pk):
        begin(message, model)
    ended(message)
    until(lambda: not seen(message).awaits_check, WAIT, "the check")
    waiting.flush()
    calls = list(Call.objects.all())
    assert {call.kind for call in calls} == kinds
    assert {(call.caller, call.user, call.knowledge_base) for call in calls} == {("search", alice, handbook)}


@pytest.mark.parametrize("habits", [Habits(first=600.0), Habits(fault="thinks", after=0), Habits(fault="comments")])
def test_a_short_answer_is_given_up_in_time_whatever_the_model_does(server, model, habits):
    server.habits, began = habits, time.monotonic()
    with pytest.raises(AnswerLaneError, match="too long"):
        answer_lane.complete(model.pk, TURNS, seconds=1.0)
    assert time.monotonic() - began <= 3.0
    assert server.asked[0].ended.wait(WAIT) and server.asked[0].hung_up
