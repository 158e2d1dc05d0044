"""POST /v1/embeddings, by the official client."""

import base64
import json
import urllib.error
import urllib.request

import numpy as np
import openai
import pytest

from search.embedders import EmbeddingError
from search.openai_api import inputs, vectors
from search.tokenize import tokenizer_of
from tests.engines import DIMENSION, WordsEmbedder
from tests.search.library import make_preset

LONG = "kettle " * 40  # the model reads 32 tokens


def words(*texts):
    return WordsEmbedder(None).embed_documents(list(texts))


def refused(call, **asked):
    with pytest.raises(openai.APIStatusError) as caught:
        call(**asked)
    return caught.value


def test_a_text_gets_its_vector_and_its_tokens_are_counted(client, worker, preset):
    answer = client.embeddings.create(model="words", input="the red kettle")
    assert answer.object == "list" and answer.model == "words"
    assert np.allclose(answer.data[0].embedding, words("the red kettle")[0], atol=1e-6)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 3 + 2  # with the special ones at both ends


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_both_encodings_say_the_same_numbers(client, worker, preset, encoding):
    answer = client.embeddings.create(model="default", input=["a kettle", "an invoice"], encoding_format=encoding)
    rows = [one.embedding for one in answer.data]
    if encoding == "base64":
        rows = [np.frombuffer(base64.b64decode(row), "<f4") for row in rows]
    assert np.allclose(rows, words("a kettle", "an invoice"), atol=1e-6)
    assert [one.index for one in answer.data] == [0, 1]


def test_vectors_are_cut_to_allowed_dimensions(client, worker, preset):
    (row,) = client.embeddings.create(model="words", input="a kettle", dimensions=16).data
    full = words("a kettle")[0][:16]
    assert np.allclose(row.embedding, full / np.linalg.norm(full), atol=1e-6)


@pytest.mark.parametrize("wrong", [8, DIMENSION + 1])
def test_other_dimensions_are_refused_with_those_that_are_allowed(client, worker, preset, wrong):
    error = refused(client.embeddings.create, model="words", input="a", dimensions=wrong)
    assert (error.status_code, error.param, error.type) == (400, "dimensions", "invalid_request_error")
    assert f"16 to {DIMENSION}" in error.message


def test_a_model_whose_vectors_cannot_be_cut_says_so(client, worker, preset):
    type(preset).objects.update(shortest=None)
    error = refused(client.embeddings.create, model="words", input="a", dimensions=16)
    assert "may not be cut" in error.message


def test_token_ids_are_read_by_the_models_own_tokenizer(client, worker, preset):
    ids = tokenizer_of(preset).encode("a red kettle").ids
    one = client.embeddings.create(model="words", input=ids)
    several = client.embeddings.create(model="words", input=[ids, ids[:3]])
    assert [set(part) for part in worker.parts] == [{"a red kettle"}, {"a red kettle", "a red"}]
    assert len(one.data) == 1 and len(several.data) == 2
    assert one.usage.prompt_tokens == len(ids)


@pytest.mark.parametrize("wrong", [[10**9], [-1]])
def test_token_ids_of_another_model_are_refused(client, worker, preset, wrong):
    error = refused(client.embeddings.create, model="words", input=wrong)
    assert (error.status_code, error.param) == (400, "input")
    assert "token ids" in error.message


def test_token_ids_cannot_be_read_without_a_tokenizer(client, worker, preset):
    make_preset(DIMENSION)
    error = refused(client.embeddings.create, model=f"test {DIMENSION}", input=[1, 2])
    assert "tokenizer" in error.message


@pytest.mark.parametrize(("kind", "sent"), [("query", "query: kettle"), ("document", "passage: kettle")])
def test_the_presets_instruction_is_put_before_where_it_is_asked_for(client, worker, preset, kind, sent):
    plain = client.embeddings.create(model="words", input="kettle")
    instructed = client.embeddings.create(model="words", input="kettle", extra_body={"input_type": kind})
    assert worker.parts == [["kettle"], [sent]]
    assert instructed.usage.prompt_tokens > plain.usage.prompt_tokens


def test_a_text_that_is_too_long_is_refused_or_cut_as_asked(client, worker, preset):
    error = refused(client.embeddings.create, model="words", input=["kettle", LONG])
    assert (error.code, error.param) == ("context_length_exceeded", "input")
    assert "text 1 has 42 tokens" in error.message
    answer = client.embeddings.create(model="words", input=["kettle", LONG], extra_body={"truncate": True})
    assert answer.usage.prompt_tokens == 3 + 32
    assert max(worker.parts[0], key=len).split() == ["kettle"] * 31  # and the end token


@pytest.mark.parametrize(
    "wrong", ["", [], ["a", ""], ["a", 1], [[1], []], [[1], "a"], {"a": 1}, None, 5, [1.5], [True]]
)
def test_what_is_no_text_is_refused_with_a_sentence(client, worker, preset, wrong):
    error = refused(client.post, path="/embeddings", body={"model": "words", "input": wrong}, cast_to=object)
    assert (error.status_code, error.body["param"]) == (400, "input")
    assert error.body["message"].endswith(".")


def test_many_texts_go_to_the_embed_worker_a_few_at_once(client, worker, preset, monkeypatch):
    monkeypatch.setattr(vectors, "TOKENS_AT_ONCE", 100)
    texts = [f"kettle number {n}" for n in range(150)]
    answer = client.embeddings.create(model="words", input=texts)
    assert np.allclose([one.embedding for one in answer.data], words(*texts), atol=1e-6)
    assert sorted(text for part in worker.parts for text in part) == sorted(texts)
    assert max(map(len, worker.parts)) <= 20
    monkeypatch.setattr(vectors, "TOKENS_AT_ONCE", 10**6)
    worker.parts.clear()
    client.embeddings.create(model="words", input=texts)
    assert [len(part) for part in worker.parts] == [64, 64, 22]


def test_too_much_at_once_is_refused(client, worker, preset, monkeypatch):
    error = refused(client.embeddings.create, model="words", input=["a"] * 2049)
    assert (error.status_code, error.code) == (400, "too_many_inputs")
    monkeypatch.setattr(inputs, "MOST_TOKENS", 10)
    error = refused(client.embeddings.create, model="words", input=["a b c d e"] * 2)
    assert (error.status_code, error.code) == (400, "max_tokens_per_request")
    monkeypatch.setattr("search.openai_api.route.MOST_BYTES", 100)
    error = refused(client.embeddings.create, model="words", input="a" * 200)
    assert (error.status_code, error.code) == (413, "request_too_large")


def test_an_unknown_model_is_not_found(client, worker, preset):
    error = refused(client.embeddings.create, model="text-embedding-3-small", input="a")
    assert isinstance(error, openai.NotFoundError)
    assert (error.code, error.param) == ("model_not_found", "model")
    assert "text-embedding-3-small" in error.message


def test_without_the_embed_worker_it_says_to_come_again(client, folder, preset):
    error = refused(client.embeddings.create, model="words", input="a")
    assert (error.status_code, error.code) == (503, "model_unavailable")
    assert error.response.headers["retry-after"]


def test_a_text_that_the_model_refuses_is_the_senders_to_mend(client, worker, preset):
    error = refused(client.embeddings.create, model="words", input="unembeddable")
    assert (error.status_code, error.param) == (400, "input")


def test_an_engine_that_is_wrongly_set_up_is_not_the_senders_to_mend(client, worker, preset, monkeypatch):
    def unset(texts):
        raise EmbeddingError("The embedding model words is not on this machine.", permanent=True)

    monkeypatch.setattr(worker.words, "embed_documents", unset)
    error = refused(client.embeddings.create, model="words", input="a text")
    assert error.status_code == 503
    assert "is not on this machine" in str(error)


def test_what_is_no_json_and_other_methods_are_told_in_openais_form(client, live_server, preset):
    headers = {"Authorization": f"Bearer {client.api_key}", "Content-Type": "application/json"}
    for method, path, body, status in (
        ("POST", "embeddings", b"{nonsense", 400), ("POST", "embeddings", b"[]", 400), ("GET", "embeddings", None, 405),
        ("POST", "images/generations", b"{}", 404),
    ):  # fmt: skip
        asked = urllib.request.Request(f"{live_server.url}/v1/{path}", body, headers, method=method)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(asked)
        with caught.value as answer:
            assert answer.code == status
            assert set(json.load(answer)["error"]) == {"message", "type", "param", "code"}
