"""Model servers differ in what they take and keep to: whatever they do, the vectors are right, or a sentence is."""

import httpx
import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from search.embedders import EmbeddingError, EmbeddingSettings
from search.embedders import server as engine
from search.embedders.openai import PLAIN, Form
from search.embedders.server import ServerEmbedder
from search.tokenize import EstimatingTokenizer
from tests.search.odd_server import WIDTH, OddServer, vector_of

TEXTS = ["who pays for the hotel", "the train is late", "a third text of some words"]


@pytest.fixture
def server():
    running = OddServer()
    yield running
    running.stop()


@pytest.fixture
def embedder(server):
    """Of the server, with a preset of the given settings; waits are kept, not waited."""
    made = []

    def make(**changed) -> ServerEmbedder:
        chosen = {
            "engine": "server", "model": "odd-model", "revision": "", "dimension": WIDTH, "query_instruction": "",
            "document_instruction": "", "max_tokens": 100, "url": server.url, **changed,
        }  # fmt: skip
        waited: list[float] = []
        one = ServerEmbedder(EmbeddingSettings(**chosen), sleep=waited.append)
        one.waited = waited
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


@pytest.fixture
def words(monkeypatch):
    """The model's own tokenizer is at hand: one token a word."""
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    monkeypatch.setattr("search.embedders.reading.tokenizer_of", lambda settings: tokenizer)


@pytest.fixture
def no_tokenizer(monkeypatch):
    monkeypatch.setattr("search.embedders.reading.tokenizer_of", lambda settings: EstimatingTokenizer())


def expected(texts: list[str], width: int = WIDTH) -> np.ndarray:
    rows = np.stack([vector_of(text)[:width] for text in texts])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("habit", ["follows", "ignores", "refuses"])
def test_base64_or_not_the_vectors_are_the_same(server, embedder, habit):
    server.habits.base64 = habit
    assert np.allclose(embedder().embed_documents(TEXTS), expected(TEXTS), atol=1e-6)


def test_a_server_that_refuses_base64_is_asked_for_it_once(server, embedder):
    server.habits.base64 = "refuses"
    one = embedder()
    for _ in range(3):
        one.embed_query("who?")
    assert [asked["encoding_format"] for asked in server.asked] == ["base64", "float", "float", "float"]
    assert one.form == PLAIN


def test_dimensions_are_never_asked_for_where_the_full_vector_is_wanted(server, embedder):
    embedder().embed_documents(TEXTS)
    assert not any("dimensions" in asked for asked in server.asked)


@pytest.mark.parametrize("habit", ["follows", "ignores", "refuses"])
def test_a_shorter_vector_is_the_same_whoever_cuts_it(server, embedder, habit):
    server.habits.dimensions = habit
    one = embedder(dimension=5)
    for _ in range(3):
        assert np.allclose(one.embed_documents(TEXTS), expected(TEXTS, 5), atol=1e-6)


def test_what_a_server_does_with_dimensions_is_asked_once_and_remembered(server, embedder):
    one = embedder(dimension=5)
    for _ in range(3):
        one.embed_query("who?")
    assert [asked.get("dimensions") for asked in server.asked] == [None, 5, 5, 5]
    server.asked.clear()
    server.habits.dimensions = "refuses"
    other = embedder(dimension=5)
    for _ in range(3):
        other.embed_query("who?")
    assert [asked.get("dimensions") for asked in server.asked] == [None, 5, None, None]
    assert other.form == Form()


def test_a_server_whose_vectors_are_too_short_is_refused(server, embedder):
    with pytest.raises(EmbeddingError, match="8 dimensions, not 12") as caught:
        embedder(dimension=12).embed_documents(TEXTS)
    assert caught.value.permanent


def test_a_server_that_takes_fewer_texts_gets_fewer(server, embedder):
    server.habits.most_texts = 16
    texts = [f"text {number}" for number in range(100)]
    one = embedder()
    assert np.allclose(one.embed_documents(texts), expected(texts), atol=1e-6)
    server.asked.clear()
    assert np.allclose(one.embed_documents(texts), expected(texts), atol=1e-6)
    assert max(len(asked["input"]) for asked in server.asked) == 16


@pytest.mark.parametrize("status", ["400", "413", "422", "500"])
def test_a_text_that_is_too_long_for_the_server_is_said_in_one_sentence(server, embedder, status):
    server.habits.reads, server.habits.when_longer = 10, status
    one = embedder()
    with pytest.raises(EmbeddingError, match=r"does not take texts of 100 tokens.*maximum context") as caught:
        one.embed_documents([*TEXTS, "word " * 50])
    assert caught.value.permanent
    assert one.waited == []
    assert one.embed_documents(TEXTS).shape == (3, WIDTH)


def test_a_busy_server_says_how_long_to_wait(server, embedder):
    server.habits.failures = [(429, {"Retry-After": "7"}, b"slow down"), (503, {}, b"loading"), (0, {}, b"")]
    one = embedder()
    assert np.allclose(one.embed_documents(TEXTS), expected(TEXTS), atol=1e-6)
    assert one.waited == [7.0, engine.WAITS[1]]  # a connection that broke off is opened again at once


def test_no_server_makes_us_wait_for_hours(server, embedder):
    server.habits.failures = [(429, {"Retry-After": "86400"}, b""), (429, {"Retry-After": "Fri, 31 Dec 2027"}, b"")]
    one = embedder()
    one.embed_documents(TEXTS)
    assert one.waited == [60.0, engine.WAITS[1]]


def test_a_server_that_hangs_is_given_up(server, embedder, monkeypatch):
    monkeypatch.setattr(engine, "BULK_TIMEOUT", httpx.Timeout(0.2))
    server.habits.failures = [(-1, {}, b"")] * 9
    one = embedder()
    with pytest.raises(EmbeddingError, match="does not answer in time") as caught:
        one.embed_documents(TEXTS)
    assert not caught.value.permanent


@pytest.mark.parametrize(
    "content",
    [b"<html>", b"[]", b'{"data": 3}', b'{"data": [{"index": 0, "embedding": "no base64!"}]}',
     b'{"data": [{"index": 0, "embedding": "AAA="}]}', b'{"data": [{"index": 0, "embedding": null}]}',
     b'{"data": [{"index": 0, "embedding": [null, 1, 1, 1, 1, 1, 1, 1]}]}',
     b'{"data": [{"index": 0, "embedding": {"a": 1}}]}', b'{"data": [{"embedding": [1]}]}'],
)  # fmt: skip
def test_garbage_is_no_vector(server, embedder, content):
    server.habits.failures = [(200, {}, content)] * 2
    with pytest.raises(EmbeddingError) as caught:
        embedder().embed_documents(["one text"])
    assert caught.value.permanent
    assert caught.value.message.endswith(".")


def test_a_wrong_key_is_said(server, embedder):
    server.habits.key = "sesame"
    with pytest.raises(EmbeddingError, match="401: Unauthorized") as caught:
        embedder(api_key="mellon").embed_documents(TEXTS)
    assert caught.value.permanent
    assert embedder(api_key="sesame").embed_documents(TEXTS).shape == (3, WIDTH)


def test_tokens_are_our_own_count_where_the_server_read_everything(server, embedder, words):
    vectors, reads = embedder().embed_counted(TEXTS)
    assert np.allclose(vectors, expected(TEXTS), atol=1e-6)
    assert reads == [5, 4, 6]
    assert len(server.asked) == 1


def test_a_text_that_the_server_cuts_in_silence_is_noticed(server, embedder, words):
    server.habits.reads = 10
    texts = [*TEXTS, "word " * 30, "other " * 10]
    assert embedder().embed_counted(texts)[1] == [5, 4, 6, 10, 10]


def test_a_long_batch_does_not_hide_one_text_that_was_cut(server, embedder, words):
    server.habits.reads = 10
    texts = [f"text {number}" for number in range(40)] + ["word " * 11]
    assert embedder().embed_counted(texts)[1] == [2] * 40 + [10]


def test_a_tokenizer_that_counts_less_is_not_taken_for_a_cut(server, embedder, words):
    server.habits.counts = lambda text: len(text.split()) - 1
    one = embedder()
    assert one.embed_counted(TEXTS)[1] == [5, 4, 6]
    server.habits.counts = lambda text: len(text.split())
    server.asked.clear()
    assert one.embed_counted(TEXTS)[1] == [5, 4, 6]
    assert len(server.asked) == 1


def test_what_the_model_never_reads_is_not_counted(server, embedder, words):
    server.habits.reads = 100
    assert embedder(max_tokens=100).embed_counted(["word " * 300])[1] == [100]


def test_a_server_that_counts_nothing_is_believed(server, embedder, words):
    server.habits.usage = False
    assert embedder().embed_counted(TEXTS)[1] == [5, 4, 6]


def test_without_the_tokenizer_a_cut_is_noticed_by_the_words(server, embedder, no_tokenizer):
    server.habits.reads = 10
    one = embedder(max_tokens=1000)
    whole, cut = one.embed_counted([TEXTS[0], "word " * 30])[1]
    assert whole == one.count_tokens([TEXTS[0]])[0]
    assert cut == 10


def test_instructions_count(server, embedder, words):
    one = embedder(document_instruction="passage: ")
    vectors, reads = one.embed_counted(["a text"])
    assert reads == [3]
    assert server.asked[0]["input"] == ["passage: a text"]
    assert np.allclose(vectors, expected(["passage: a text"]), atol=1e-6)
    assert one.embed_counted([]) == (pytest.approx(np.zeros((0, WIDTH))), [])
