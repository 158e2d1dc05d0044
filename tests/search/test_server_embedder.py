"""A model server: asked in parts, patiently for documents and at once for questions, its errors in our words."""

import json

import httpx
import numpy as np
import pytest

from search.embedders import EmbeddingError, EmbeddingSettings, open_embedder
from search.embedders.server import BATCH_TEXTS, WAITS, ServerEmbedder

SETTINGS = EmbeddingSettings(
    engine="server",
    model="bge-m3",
    revision="",
    dimension=3,
    query_instruction="Query: ",
    document_instruction="Passage: ",
    max_tokens=512,
    url="http://127.0.0.1:9/v1",
    api_key="sesame",
)


def row(text: str) -> list[float]:
    return [float(len(text)), float(text.count("a")), 2.0]


class Server:
    """Answers in reverse order, as it may; first fails as often as it is told to."""

    def __init__(self, *failures: httpx.Response | Exception) -> None:
        self.failures = list(failures)
        self.requests: list[httpx.Request] = []

    @property
    def inputs(self) -> list[list[str]]:
        return [json.loads(request.content)["input"] for request in self.requests]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return failure
        texts = json.loads(request.content)["input"]
        data = [{"index": number, "embedding": row(text)} for number, text in enumerate(texts)]
        return httpx.Response(200, json={"data": data[::-1]})


@pytest.fixture
def asking():
    """An embedder that talks to the given server, and how long it waited between attempts."""
    made = []

    def ask(server) -> tuple[ServerEmbedder, list[float]]:
        waited: list[float] = []
        embedder = ServerEmbedder(SETTINGS, sleep=waited.append)
        headers, base_url = embedder.client.headers, embedder.client.base_url
        embedder.close()
        embedder.client = httpx.Client(transport=httpx.MockTransport(server), headers=headers, base_url=base_url)
        made.append(embedder)
        return embedder, waited

    yield ask
    for embedder in made:
        embedder.close()


def test_the_vectors_come_in_the_order_of_the_texts_with_length_1(asking):
    texts = ["banana", "a" * 40, "x"]
    vectors = asking(Server())[0].embed_documents(texts)
    expected = np.array([row(f"Passage: {text}") for text in texts])
    assert np.allclose(vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True))
    assert vectors.dtype == np.float32


def test_it_asks_as_openai_is_asked(asking):
    server = Server()
    asking(server)[0].embed_query("who?")
    (request,) = server.requests
    assert str(request.url) == "http://127.0.0.1:9/v1/embeddings"
    assert request.headers["Authorization"] == "Bearer sesame"
    assert json.loads(request.content) == {"model": "bge-m3", "input": ["Query: who?"], "encoding_format": "base64"}


def test_many_texts_go_in_parts(asking):
    server = Server()
    assert asking(server)[0].embed_documents(["text"] * 150).shape == (150, 3)
    assert [len(texts) for texts in server.inputs] == [BATCH_TEXTS, BATCH_TEXTS, 150 - 2 * BATCH_TEXTS]
    assert asking(server)[0].embed_documents([]).shape == (0, 3)


def test_a_busy_server_is_asked_again_for_documents(asking):
    embedder, waited = asking(Server(httpx.Response(503), httpx.ReadTimeout("slow"), httpx.Response(429)))
    assert embedder.embed_documents(["text"]).shape == (1, 3)
    assert waited == list(WAITS)


def test_patience_ends(asking):
    embedder, waited = asking(Server(*[httpx.Response(503, text="out of memory")] * 9))
    with pytest.raises(EmbeddingError, match="503: out of memory") as caught:
        embedder.embed_documents(["text"])
    assert not caught.value.permanent
    assert len(waited) == len(WAITS)


def test_nobody_waits_for_a_busy_server_with_a_question(asking):
    embedder, waited = asking(Server(httpx.Response(503)))
    with pytest.raises(EmbeddingError):
        embedder.embed_query("who?")
    assert waited == []


def test_a_connection_that_the_server_had_closed_is_opened_again(asking):
    embedder, _ = asking(Server(httpx.RemoteProtocolError("closed")))
    assert embedder.embed_query("who?").shape == (3,)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (httpx.Response(401, json={"error": {"message": "wrong key"}}), "401: wrong key"),
        (httpx.Response(400, json={"error": "too long"}), "400: too long"),
        (httpx.Response(404, json=["no"]), "404: "),
        (httpx.Response(200, text="<html>"), "not a list of vectors"),
        (httpx.Response(200, json={"data": [{"index": 0}]}), "not a list of vectors"),
        (httpx.Response(200, json={"data": []}), "0 vectors for 1 texts"),
        (httpx.Response(200, json={"data": [{"index": 0, "embedding": [1.0]}]}), "1 dimensions, not 3"),
        (httpx.Response(200, json={"data": [{"index": 0, "embedding": [0, 0, 0]}]}), "no direction"),
    ],
)
def test_what_will_not_get_better_is_said_at_once(asking, answer, sentence):
    embedder, waited = asking(Server(answer))
    with pytest.raises(EmbeddingError, match=sentence) as caught:
        embedder.embed_documents(["text"])
    assert caught.value.permanent
    assert waited == []


def test_a_server_that_is_not_there_is_named():
    embedder = open_embedder(SETTINGS)
    with pytest.raises(EmbeddingError, match="cannot be reached") as caught:
        embedder.embed_query("who?")
    embedder.close()
    assert not caught.value.permanent


def test_lone_surrogates_do_not_stop_a_document(asking):
    server = Server()
    asking(server)[0].embed_documents(["a\ud800b"])
    assert server.inputs == [["Passage: a\ufffdb"]]
