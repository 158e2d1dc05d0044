"""A running Lectern whose embed worker knows words, the process that speaks MCP, and the SDK's client in front."""

import asyncio
from contextlib import asynccontextmanager

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from kb.models import ApiKey, Section
from tests.search.answer_process import AnswerProcess
from tests.search.openai_api.conftest import TEXTS, fill, folder, preset, server, worker

__all__ = ["folder", "preset", "server", "worker"]
HEADING = "Kitchen"


@pytest.fixture
def rules(worker, preset, handbook):
    """A document of the handbook: a heading, and two paragraphs on two pages."""
    document = fill(handbook, preset, HEADING, *TEXTS)
    parts = [
        (Section.Kind.HEADING, HEADING, 1),
        *((Section.Kind.PARAGRAPH, text, at) for at, text in enumerate(TEXTS, 1)),
    ]
    start = 0
    for ordinal, (kind, text, page) in enumerate(parts):
        Section.objects.create(
            document=document, ordinal=ordinal, kind=kind, text=text, page=page, start=start,
            depth=int(kind == Section.Kind.HEADING),
        )  # fmt: skip
        start += len(text) + 2
    return document


@pytest.fixture
def answering(folder, transactional_db):
    """The process that writes answers and speaks MCP."""
    (folder / "tmp").mkdir()
    with AnswerProcess():
        yield


@pytest.fixture
def key_of(transactional_db):
    """A key's secret for a person, limited as asked."""
    return lambda user, **limits: ApiKey.issue(user, "test", **limits)[1]


@asynccontextmanager
async def connected(url: str, secret: str, mode: str = "auto"):
    """The SDK's client, with this key."""
    headers = {"Authorization": f"Bearer {secret}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode, cache=None) as client,
    ):
        yield client


@pytest.fixture(params=["legacy", "auto"])
def mode(request):
    """With the handshake of the older revisions of the protocol, and without it."""
    return request.param


@pytest.fixture
def talk(live_server, answering, key_of, mode):
    """Gives what `conversation(client)` returns, held with a key of this person's."""

    def held(user, conversation, **limits):
        secret = key_of(user, **limits)

        async def whole():
            async with connected(f"{live_server.url}/mcp", secret, mode) as client:
                return await conversation(client)

        return asyncio.run(whole())

    return held


@pytest.fixture
def call(talk):
    """Gives what a tool answers."""

    def called(user, tool, arguments=None, **limits):
        return talk(user, lambda client: client.call_tool(tool, arguments or {}), **limits)

    return called
