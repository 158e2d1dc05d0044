"""A real llama.cpp server that reranks."""

import pytest

from search.rerankers import RerankError, RerankSettings, open_reranker
from tests.search.gguf_reranker import reranker_gguf, score_by_hand
from tests.search.llama_server import llama_server

pytestmark = pytest.mark.integration

QUESTION = "who pays for the hotel?"
PASSAGES = [
    "The company pays for hotels.",
    "Trains leave at noon.",
    "A guest asked for the bill.",
    "Mugs.",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama-reranker")
    with llama_server(reranker_gguf(folder / "reranker.gguf"), folder=folder, reranking=True) as running:
        yield running


@pytest.fixture
def reranker(server):
    engine = open_reranker(RerankSettings("server", "minilm", url=f"{server.url}/rerank", seconds=60))
    yield engine
    engine.close()


def test_its_scores_are_those_by_hand_in_the_order_of_the_passages(reranker):
    by_hand = [score_by_hand(QUESTION, passage) for passage in PASSAGES]
    assert reranker.score(QUESTION, PASSAGES) == pytest.approx(by_hand, abs=0.02)
    assert reranker.score(QUESTION, PASSAGES[::-1]) == pytest.approx(by_hand[::-1], abs=0.02)
    assert max(by_hand) - min(by_hand) > 0.05


def test_more_passages_than_go_at_once_and_none(reranker):
    assert reranker.score(QUESTION, PASSAGES * 10).shape == (40,)
    assert reranker.score(QUESTION, []).shape == (0,)


def test_a_wrong_address_is_said(server):
    engine = open_reranker(RerankSettings("server", "minilm", url=f"{server.url}/nothing", seconds=60))
    with pytest.raises(RerankError, match="404"):
        engine.score(QUESTION, PASSAGES)
    engine.close()
