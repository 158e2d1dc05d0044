"""POST /v1/rerank, in the form of Jina's and Cohere's APIs."""

import openai
import pytest

from search import lane, lane_server
from search.models import RerankPreset

QUERY = "when is the kettle descaled"
DOCUMENTS = ["Invoices are kept for ten years.", "The kettle is descaled monthly.", "Parking is free."]


@pytest.fixture
def reranker(folder, preset, monkeypatch):
    """An embed worker whose reranking model counts the words that both have; gives what it was asked."""
    import numpy as np

    asked = []

    def scores(request):
        asked.append(request)
        words = set(request.question.split())
        return np.array([len(words & set(text.lower().split())) for text in request.passages], np.float32)

    monkeypatch.setattr("search.rerank._resting", {})
    server = lane_server.serve(lambda model, texts: None, lane.socket_path(), rerank=scores)
    RerankPreset.objects.create(name="shared words", model="sentence-transformers/all-MiniLM-L6-v2")
    yield asked
    server.shutdown()
    server.server_close()


def ask(client, **body):
    return client.post("/rerank", body={"query": QUERY, "documents": DOCUMENTS} | body, cast_to=dict)


def refused(client, **body):
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, **body)
    return caught.value


def test_the_reranking_model_orders_the_documents(client, reranker):
    answer = ask(client)
    assert [one["index"] for one in answer["results"]] == [1, 2, 0]
    assert answer["results"][0] == {"index": 1, "relevance_score": 4.0}
    assert answer["model"] == "shared words"
    assert answer["usage"]["total_tokens"] > 15


def test_the_first_ones_come_with_their_text_where_that_is_asked_for(client, reranker):
    answer = ask(client, model="shared words", top_n=1, return_documents=True)
    assert [one["document"] for one in answer["results"]] == [{"text": DOCUMENTS[1]}]


def test_documents_may_be_objects_with_a_text(client, reranker):
    answer = ask(client, documents=[{"text": text} for text in DOCUMENTS])
    assert answer["results"][0]["index"] == 1


def test_many_documents_go_to_the_model_a_few_at_once(client, reranker):
    texts = [f"number {n}" for n in range(70)] + ["the kettle"] + ["x" * 150_000] * 3
    answer = ask(client, documents=texts)
    assert answer["results"][0]["index"] == 70
    assert [len(one.passages) for one in reranker] == [32, 32, 10]
    assert max(len(text) for one in reranker for text in one.passages) == 50_000


def test_without_a_reranking_model_the_embedding_model_compares(client, worker, preset):
    answer = ask(client)
    assert answer["model"] == "words"
    assert answer["results"][0]["index"] == 1
    assert 0 < answer["results"][0]["relevance_score"] <= 1
    assert {text.split(":")[0] for part in worker.parts for text in part} == {"query", "passage"}


def test_a_model_that_is_away_is_said_so(client, folder, preset):
    RerankPreset.objects.create(name="gone", model="gone")
    error = refused(client)
    assert (error.status_code, error.code) == (503, "model_unavailable")


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"query": ""}, "query"), ({"documents": []}, "documents"), ({"documents": ["a"] * 513}, "documents"),
        ({"top_n": 0}, "top_n"), ({"documents": 5}, "documents"), ({"model": "nothing"}, "model"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_its_field(client, reranker, wrong, param):
    error = refused(client, **wrong)
    assert (error.status_code, error.param) == (404 if param == "model" else 400, param)
