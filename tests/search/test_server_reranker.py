"""A reranking server: both kinds of `/rerank`, a deadline for the whole, its errors in our words."""

import json

import httpx
import numpy as np
import pytest

from search.rerankers import RerankError, RerankSettings, open_reranker
from search.rerankers.server import AT_ONCE, ServerReranker

SETTINGS = RerankSettings("server", "bge-reranker", url="http://127.0.0.1:9/v1/rerank", api_key="sesame", seconds=5)
TEXTS = [f"{'a' * number} {number}" for number in range(AT_ONCE + 8)]


def worth(text: str) -> float:
    return text.count("a") / 100


class Jina:
    """Answers the best first, as vLLM, llama.cpp, Jina and Cohere do."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        body = json.loads(request.content)
        if "documents" not in body:
            return httpx.Response(400, json={"error": {"message": '"documents" must be provided'}})
        texts = body["documents"]
        rows = [{"index": place, "relevance_score": worth(text)} for place, text in enumerate(texts)]
        return httpx.Response(200, json={"results": sorted(rows, key=lambda row: -row["relevance_score"])})


class Tei(Jina):
    """Takes texts and answers a bare list, as text-embeddings-inference does."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        body = json.loads(request.content)
        if "texts" not in body:
            return httpx.Response(422, text="Failed to deserialize the JSON body: missing field `texts`")
        rows = [{"index": place, "score": worth(text)} for place, text in enumerate(body["texts"])]
        return httpx.Response(200, json=sorted(rows, key=lambda row: -row["score"]))


@pytest.fixture
def asking():
    """A reranker that talks to the given server."""
    made = []

    def ask(server, settings=SETTINGS) -> ServerReranker:
        reranker = open_reranker(settings)
        headers = reranker.client.headers
        reranker.close()
        reranker.client = httpx.Client(transport=httpx.MockTransport(server), headers=headers)
        made.append(reranker)
        return reranker

    yield ask
    for reranker in made:
        reranker.close()


@pytest.mark.parametrize("kind", [Jina, Tei])
def test_scores_come_in_the_order_of_the_passages_in_parts(asking, kind):
    server = kind()
    scores = asking(server).score("who?", TEXTS)
    assert scores == pytest.approx([worth(text) for text in TEXTS])
    assert scores.dtype == np.float32
    assert asking(kind()).score("who?", []).shape == (0,)


def test_it_asks_as_jina_is_asked(asking):
    server = Jina()
    asking(server).score("who?", ["a", "b"])
    (request,) = server.requests
    body = json.loads(request.content)
    assert str(request.url) == "http://127.0.0.1:9/v1/rerank"
    assert request.headers["Authorization"] == "Bearer sesame"
    assert (body["model"], body["query"], body["documents"]) == ("bge-reranker", "who?", ["a", "b"])


def test_which_kind_a_server_is_of_is_found_out_once(asking):
    server = Tei()
    reranker = asking(server)
    reranker.score("who?", ["a"])
    reranker.score("who?", ["a"])
    assert [sorted(json.loads(request.content)) for request in server.requests][1:] == [
        ["query", "seconds", "texts", "truncate"]
    ] * 2


@pytest.mark.parametrize("kind", [Jina, Tei])
@pytest.mark.parametrize("status", [401, 429, 502, 503])
def test_a_server_that_was_busy_is_understood_afterwards(asking, kind, status):
    """Only an answer says which kind it is of: a server that starts refuses the one as well as the other."""
    server, waking = kind(), [httpx.Response(status, text="not now")] * 3
    reranker = asking(lambda request: waking.pop() if waking else server(request))
    for _ in range(3):
        with pytest.raises(RerankError, match=str(status)):
            reranker.score("who?", ["a"])
    assert reranker.score("who?", ["a"]) == pytest.approx([0.01])


def test_a_server_that_another_took_the_place_of_is_understood(asking):
    servers = {"now": Tei()}
    reranker = asking(lambda request: servers["now"](request))
    reranker.score("who?", ["a"])
    servers["now"] = Jina()
    assert reranker.score("who?", ["a"]) == pytest.approx([0.01])


def test_an_instruction_stands_before_the_question(asking):
    server = Jina()
    asking(server, RerankSettings("server", "m", instruction="Find: ", url=SETTINGS.url)).score("who?", ["a"])
    assert json.loads(server.requests[0].content)["query"] == "Find: who?"


def test_other_settings_are_another_client(asking):
    first = asking(Jina())
    assert first.using(SETTINGS) is first
    other = first.using(RerankSettings("server", "other", url=SETTINGS.url))
    assert other.client is not first.client
    other.close()


@pytest.mark.parametrize(
    ("answer", "sentence", "is_permanent"),
    [
        (httpx.Response(503, json={"error": {"message": "busy"}}), "503: busy", False),
        (httpx.Response(401, json={"detail": "wrong key"}), "401: wrong key", True),
        (httpx.Response(422, json={"error": "too long"}), "422: too long", True),
        (httpx.Response(200, text="<html>"), "not a list of scores", True),
        (httpx.Response(200, json={"results": [{"index": 0}]}), "not a list of scores", True),
        (httpx.Response(200, json={"results": []}), "each of 1 passages", True),
        (httpx.Response(200, text='[{"index": 0, "score": NaN}]'), "each of 1 passages", True),
        (httpx.ReadTimeout("slow"), "in time", False),
        (httpx.ConnectError("no"), "cannot be reached", False),
    ],
)
def test_what_went_wrong_is_said(asking, answer, sentence, is_permanent):
    def server(request):
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(RerankError, match=sentence) as caught:
        asking(server).score("who?", ["a"])
    assert caught.value.permanent is is_permanent


def test_the_deadline_is_one_for_all_parts(asking, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("search.rerankers.server.time.monotonic", lambda: now[0])
    server = Jina()

    def slow(request):
        now[0] += 4
        return server(request)

    with pytest.raises(RerankError, match="in time"):
        asking(slow).score("who?", TEXTS * 2)
    assert [json.loads(request.content)["seconds"] for request in server.requests] == [5, 1]


def test_lone_surrogates_do_not_stop_a_question(asking):
    assert asking(Jina()).score("who\ud800?", ["a\ud800"]) == pytest.approx([0.01])
