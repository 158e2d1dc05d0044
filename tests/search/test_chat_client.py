"""A language model is asked through the client library; every fault of its server is an error of a known kind."""

import asyncio
import socket

import pytest

from search.chat import ChatError, ChatSettings, Request
from search.chat.client import models_at, open_http, stream
from tests.search.model_server import ANSWER, Habits, ModelServer

QUESTION = ({"role": "user", "content": "How often is the kettle descaled?"},)


@pytest.fixture
def server():
    with ModelServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _impatient(settings):
    settings.KB_CHAT_SECONDS = 1
    settings.KB_CHAT_FIRST_SECONDS, settings.KB_CHAT_ANSWER_SECONDS = 60, 60


def asked_of(server: ModelServer, **other) -> ChatSettings:
    return ChatSettings(**{"url": server.url, "model": "plain-model", **other})


def answer_of(chosen: ChatSettings):
    """The text, and the last piece."""

    async def whole():
        pieces = [piece async for piece in stream(Request(chosen, QUESTION))]
        return "".join(piece.text for piece in pieces), pieces[-1]

    return asyncio.run(whole())


def fault_of(chosen: ChatSettings) -> ChatError:
    with pytest.raises(ChatError) as caught:
        answer_of(chosen)
    assert caught.value.message.endswith(".")
    return caught.value


def test_an_answer_comes_piece_by_piece_with_what_it_cost(server):
    text, last = answer_of(asked_of(server, api_key="sesame", answer_tokens=77, temperature=0.5))
    assert text == "".join(ANSWER)
    assert (last.tokens_in, last.tokens_out, last.ending) == (120, 6, "stop")
    (asked,) = server.asked
    assert asked.key == "sesame"
    assert asked.body["max_tokens"] == 77 and asked.body["temperature"] == 0.5
    assert asked.body["messages"] == list(QUESTION)


@pytest.mark.parametrize("missing", [{"usage": False}, {"done": False}, {"usage": False, "done": False}])
def test_what_servers_leave_out_at_the_end_is_not_missed(server, missing):
    server.habits = Habits(**missing)
    text, last = answer_of(asked_of(server))
    assert text == "".join(ANSWER) and last.ending == "stop"
    assert last.tokens_in == (0 if "usage" in missing else 120)


@pytest.mark.parametrize("fault", ["lingers", "slips", "stumbles", "trips"])
def test_nothing_that_a_server_does_behind_the_end_takes_the_answer_back(server, fault, monkeypatch):
    monkeypatch.setattr("search.chat.client.LAST_WORDS_SECONDS", 0.2)
    server.habits = Habits(fault=fault)
    text, last = answer_of(asked_of(server))
    assert (text, last.ending, last.tokens_in) == ("".join(ANSWER), "stop", 0)


@pytest.mark.parametrize(
    ("habits", "kind"),
    [
        ({"fault": "silent"}, "slow"),
        ({"first": 5.0}, "slow"),
        ({"fault": "hangs"}, "slow"),
        ({"fault": "cut"}, "cut"),
        ({"ending": None}, "cut"),
        ({"fault": "html"}, "cut"),
        ({"fault": "garbage"}, "broken"),
        ({"fault": "wrong"}, "broken"),
        ({"fault": "error"}, "broken"),
        ({"pieces": ()}, "broken"),
        ({"ending": "content_filter"}, "refused"),
        ({"key": "sesame"}, "refused"),
        ({"models": ("another",)}, "refused"),
        ({"statuses": [(400, {})]}, "refused"),
        ({"statuses": [(500, {})]}, "broken"),
        ({"statuses": [(503, {})]}, "broken"),
        ({"statuses": [(429, {})]}, "busy"),
        ({"statuses": [(429, {"Retry-After": "3600"})]}, "busy"),
        ({"statuses": [(429, {"Retry-After": "soon"})]}, "busy"),
        ({"statuses": [(429, {"Retry-After": "0"}), (429, {})]}, "busy"),
    ],
)
def test_every_fault_is_of_a_known_kind(server, habits, kind):
    server.habits = Habits(**habits)
    assert fault_of(asked_of(server)).kind == kind


@pytest.mark.parametrize("fault", ["empty", "thinks", "comments"])
def test_a_server_that_is_busy_with_everything_but_its_answer_is_not_waited_for(server, settings, fault):
    settings.KB_CHAT_FIRST_SECONDS = 2
    server.habits = Habits(fault=fault, after=0)
    error = fault_of(asked_of(server))
    assert (error.kind, error.message) == ("slow", "The language model did not answer in time.")
    assert server.asked[0].ended.wait(10) and server.asked[0].hung_up


@pytest.mark.parametrize(
    "habits",
    [{"fault": "empty"}, {"fault": "thinks"}, {"fault": "comments"}, {"fault": "endless", "pace": 0.6}],
    ids=str,
)
def test_an_answer_that_does_not_come_to_its_end_is_broken_off(server, settings, habits):
    settings.KB_CHAT_ANSWER_SECONDS = 3
    server.habits = Habits(**habits)
    error = fault_of(asked_of(server))
    assert (error.kind, error.message) == ("slow", "The language model did not end its answer in time.")
    assert server.asked[0].pieces >= 2
    assert server.asked[0].ended.wait(10) and server.asked[0].hung_up


def test_a_server_that_thinks_first_answers_in_its_time(server, settings):
    settings.KB_CHAT_SECONDS, settings.KB_CHAT_FIRST_SECONDS = 1, 1
    server.habits = Habits(pace=0.3)
    assert answer_of(asked_of(server))[0] == "".join(ANSWER)


@pytest.mark.parametrize(
    ("habits", "text"),
    [
        ({"fault": "half"}, "The kettle Always\ufffd"),
        ({"fault": "zero"}, "The kettle Always"),
        ({"pieces": ("Tea \ud83c", "\udf75", " \ud83d", "for two", "\0")}, "Tea \U0001f375 \ufffdfor two"),
    ],
    ids=str,
)
def test_what_no_database_takes_does_not_come_out(server, habits, text):
    server.habits = Habits(**habits)
    assert answer_of(asked_of(server))[0] == text


def test_a_busy_server_that_names_a_short_wait_is_asked_once_more(server):
    server.habits.statuses = [(429, {"Retry-After": "0.1"})]
    assert answer_of(asked_of(server))[0] == "".join(ANSWER)
    assert len(server.asked) == 2


def test_nobody_at_the_address_is_said_so(server):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert fault_of(asked_of(server, url=f"http://127.0.0.1:{unused.getsockname()[1]}/v1")).kind == "away"
    assert fault_of(asked_of(server, url="http://no-such-host.invalid/v1")).kind == "away"


def test_an_address_that_is_none_is_said_so(server):
    assert fault_of(asked_of(server, url="http://[::1/v1")).kind in ("away", "broken")


def test_an_endless_answer_is_cut_where_the_model_should_have_ended(server):
    server.habits.fault = "endless"
    text, last = answer_of(asked_of(server, answer_tokens=16))
    assert last.ending == "length"
    assert len(text) < 2000
    assert server.asked[0].ended.wait(10) and server.asked[0].hung_up


def test_whoever_stops_reading_ends_the_servers_work(server):
    server.habits = Habits(pace=0.05, fault="endless")

    async def read_two():
        pieces = stream(Request(asked_of(server), QUESTION))
        async for piece in pieces:
            if piece.text == ANSWER[1]:
                break
        await pieces.aclose()

    asyncio.run(read_two())
    assert server.asked[0].ended.wait(10) and server.asked[0].hung_up


def test_streams_share_connections_and_leave_none_open(server):
    async def thrice():
        async with open_http() as http:
            for _ in range(3):
                async for _piece in stream(Request(asked_of(server), QUESTION), http):
                    pass
            return [connection for connection in http._transport._pool.connections if not connection.is_idle()]

    assert asyncio.run(thrice()) == []


def test_models_are_listed_by_name(server):
    server.habits.models = ("b", "a")
    assert asyncio.run(models_at(asked_of(server))) == ["a", "b"]
