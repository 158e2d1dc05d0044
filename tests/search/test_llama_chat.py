"""A real llama.cpp streams an answer, through the client."""

import asyncio

import pytest

from search.chat import ChatError, ChatSettings, Request
from search.chat.client import models_at, stream
from tests.search.gguf_chat import CONTEXT, chat_gguf
from tests.search.llama_server import llama_server

TURNS = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "How often is the kettle descaled?"})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chat")
    with llama_server(chat_gguf(folder / "chat.gguf"), folder=folder, context=CONTEXT, api_key="sesame") as running:
        yield running


def pieces_of(chosen: ChatSettings) -> list:
    async def whole():
        return [piece async for piece in stream(Request(chosen, TURNS))]

    return asyncio.run(whole())


def asked_of(server, **other) -> ChatSettings:
    return ChatSettings(**{"url": server.url, "model": "any", "api_key": "sesame", "answer_tokens": 24, **other})


def test_llama_cpp_streams_an_answer_and_counts_it(server):
    *pieces, last = pieces_of(asked_of(server))
    assert len([piece for piece in pieces if piece.text]) > 5
    assert last.ending in ("length", "stop")
    assert 0 < last.tokens_out <= 24
    assert last.tokens_in > 10


def test_a_wrong_key_is_refused(server):
    with pytest.raises(ChatError) as caught:
        pieces_of(asked_of(server, api_key="wrong"))
    assert caught.value.kind == "refused"


def test_its_models_are_listed(server):
    assert len(asyncio.run(models_at(asked_of(server)))) == 1
