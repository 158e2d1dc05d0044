"""Whoever hangs up on the web server ends a language model's work within two seconds, also one that says nothing."""

import time
import uuid

import pytest
from mcp_types import CLIENT_CAPABILITIES_META_KEY, PROTOCOL_VERSION_META_KEY
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from kb.models import ApiKey
from search import answer_lane
from tests.integration.answering import WebService, data_folder
from tests.integration.lectern import until
from tests.integration.test_answers import QUESTION, WAIT, State, ask, begun, ended, kettle, model, server, service
from tests.search.model_server import ANSWER, Habits

__all__ = ["kettle", "model", "server", "service"]

pytestmark = pytest.mark.integration

SOON = 2.0  # seconds, as promised
THREADS = 3
SILENT = [Habits(first=600.0), Habits(fault="silent"), Habits(fault="thinks", after=0), Habits(fault="hangs")]
LEGACY, MODERN = "2025-06-18", MODERN_PROTOCOL_VERSIONS[-1]


@pytest.fixture(scope="module")
def shared(django_db_setup, django_db_blocker):
    """With all the patience in the world: nothing ends because of the time that it takes."""
    with django_db_blocker.unblock(), data_folder(KB_CHAT_SECONDS="3600") as service:
        service.start()
        yield service


@pytest.fixture(scope="module")
def shared_web(shared):
    web = WebService(shared.data, shared.environment, THREADS)
    web.start()
    yield web
    web.end()


@pytest.fixture
def web(service, shared_web):
    return shared_web


@pytest.fixture(params=SILENT, ids=["reads", "silent", "thinks", "hangs"])
def silent(request, server):
    """A model server that takes the question and then says no word more."""
    server.habits = request.param
    return server


@pytest.fixture
def key(kettle):
    """The header of a program of the kettle's owner."""
    return {"Authorization": f"Bearer {ApiKey.issue(kettle.owner, 'test')[1]}"}


def ends_soon_after(line, server) -> None:
    """Hang up once the model server has the question, and see it let go."""
    with line:
        asked = until(lambda: server.asked and server.asked[-1], WAIT, "the question")
        time.sleep(1.0)  # its silence has begun
        gone = time.monotonic()
    assert asked.ended.wait(WAIT) and asked.hung_up
    assert asked.hung_up - gone <= SOON


@pytest.mark.parametrize("streams", [True, False], ids=["stream", "whole"])
def test_a_program_that_hangs_up_ends_the_models_work(web, model, silent, key, streams):
    body = {"model": "lectern", "messages": [{"role": "user", "content": QUESTION}], "stream": streams}
    ends_soon_after(web.ask("POST", "/v1/chat/completions", body, **key), silent)


@pytest.mark.parametrize("version", [LEGACY, MODERN])
def test_a_program_that_hangs_up_over_mcp_ends_the_models_work(web, model, silent, key, version):
    params = {"name": "ask", "arguments": {"question": QUESTION}}
    if version == MODERN:
        params["_meta"] = {PROTOCOL_VERSION_META_KEY: version, CLIENT_CAPABILITIES_META_KEY: {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {
        "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": version, "MCP-Method": "tools/call",
        "MCP-Name": "ask",
    }  # fmt: skip
    ends_soon_after(web.ask("POST", "/mcp", body, **headers, **key), silent)


def test_pages_that_are_closed_hold_no_thread_and_their_answers_go_on(web, kettle, model, silent):
    message = ask(kettle)
    session = {"Cookie": f"lectern_session={kettle.client.cookies['lectern_session'].value}"}
    pages = [web.ask("GET", f"/messages/{message.pk}/events", **session) for _ in range(THREADS)]
    for page in pages:
        page.settimeout(WAIT)
        assert page.recv(64).startswith(b"HTTP/1.1 200")
    assert not web.answers()  # they hold all that there are
    gone = time.monotonic()
    for page in pages:
        page.close()
    until(web.answers, WAIT, "a free thread")
    assert time.monotonic() - gone <= SOON
    message.refresh_from_db()
    assert message.state == State.WRITING
    assert silent.asked[-1].hung_up is None
    kettle.client.post(f"/messages/{message.pk}/stop")


def test_stop_ends_the_model_servers_work_and_keeps_what_is_written(kettle, server, model):
    server.habits = Habits(pace=0.1, fault="endless")
    message = ask(kettle)
    asked = begun(server, 3)
    stopped = time.monotonic()
    kettle.client.post(f"/messages/{message.pk}/stop")
    assert asked.ended.wait(WAIT) and asked.hung_up - stopped <= SOON
    assert ended(message).state == State.STOPPED
    assert message.answer.startswith("The kettle is")


def test_stop_ends_a_model_server_that_says_nothing(kettle, silent, model):
    message = ask(kettle)
    asked = until(lambda: silent.asked and silent.asked[-1], WAIT, "the question")
    stopped = time.monotonic()
    kettle.client.post(f"/messages/{message.pk}/stop")
    assert asked.ended.wait(WAIT) and asked.hung_up - stopped <= SOON
    assert (ended(message).state, message.answer) == (State.STOPPED, "".join(ANSWER[: asked.pieces]))


def test_a_client_that_is_gone_ends_the_model_servers_work(service, server, model):
    server.habits = Habits(pace=0.1, fault="endless")
    lines = answer_lane.stream(f"gone-{uuid.uuid4()}", model.pk, [{"role": "user", "content": "Go on"}], 0)
    next(lines)
    asked, gone = begun(server), time.monotonic()
    lines.close()
    assert asked.ended.wait(WAIT) and asked.hung_up - gone <= SOON
    until(lambda: service.health()["writing"] == 0, WAIT, "nothing to be written")
