"""What every embedder promises, asked of each: by every backend, and of real processes: the embed worker, llama.cpp."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from search.embedders import Embedder, EmbeddingError, EmbeddingSettings, open_embedder
from search.embedders import server as engine
from search.embedders.server import ServerEmbedder
from search.tokenize import tokenizer_named
from tests.search.gguf_models import minilm_gguf
from tests.search.lane_process import lane_process
from tests.search.llama_server import llama_server

MINILM = EmbeddingSettings("local", "sentence-transformers/all-MiniLM-L6-v2", "", 384, "query: ", "passage: ", 256)
TEXTS = [
    "Who pays for the hotel?", "The train " * 20, "Bills.", "谁来付酒店的钱？", "Naïve façade, 12 %", "a \ud800", "",
]  # fmt: skip


def local(backend: str) -> Embedder:
    return open_embedder(replace(MINILM, device="cpu", backend=backend))


@pytest.fixture(scope="module")
def torch():
    return local("torch")


@pytest.fixture(scope="module")
def openvino():
    return local("openvino")


@pytest.fixture(scope="module")
def int8():
    return local("openvino-int8")


@pytest.fixture(scope="module")
def lane():
    """The embed worker as the web processes ask it. The path of a socket must be short."""
    with TemporaryDirectory(prefix="lane-") as folder, lane_process(Path(folder) / "embed.sock") as url:
        yield from patient(replace(MINILM, engine="server", url=url))


def patient(settings: EmbeddingSettings) -> Iterator[Embedder]:
    """An engine that waits for its answers, however busy the machine is; closed at the end."""
    patience = pytest.MonkeyPatch()
    patience.setattr(engine, "QUERY_TIMEOUT", engine.BULK_TIMEOUT)
    embedder = open_embedder(settings)
    yield embedder
    embedder.close()
    patience.undo()


@pytest.fixture(scope="module")
def gguf(tmp_path_factory):
    return minilm_gguf(tmp_path_factory.mktemp("gguf") / "minilm.gguf")


@pytest.fixture(scope="module")
def running(gguf):
    with llama_server(gguf, folder=gguf.parent, embedding=True, api_key="sesame") as server:
        yield server


@pytest.fixture(scope="module")
def llama(running):
    yield from patient(replace(MINILM, engine="server", url=running.url, api_key="sesame"))


LEAST = {"int8": 0.95}  # cosine to PyTorch's vectors, where it is not that of the same numbers


@pytest.fixture(params=["torch", "openvino", "int8", "lane", "llama"])
def embedder(request) -> Embedder:
    return request.getfixturevalue(request.param)


def test_each_text_has_its_vector_of_length_1(embedder):
    vectors = embedder.embed_documents(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_have_no_vectors(embedder):
    assert embedder.embed_documents([]).shape == (0, 384)
    vectors, reads = embedder.embed_counted([])
    assert vectors.shape == (0, 384)
    assert reads == []


def test_every_engine_makes_the_same_vectors(embedder, torch, request):
    ours, theirs = embedder.embed_documents(TEXTS), torch.embed_documents(TEXTS)
    least = LEAST.get(request.node.callspec.params["embedder"], 0.999)
    assert (ours * theirs).sum(axis=1).min() > least


def test_a_vector_does_not_depend_on_what_stands_beside_it(embedder):
    together = embedder.embed_documents(TEXTS)
    alone = np.concatenate([embedder.embed_documents([text]) for text in TEXTS])
    assert np.allclose(together, alone, atol=1e-4)


def test_more_texts_than_a_batch_come_in_their_order(embedder):
    texts = [f"Paragraph {number} of the rules." for number in range(150)]
    some = embedder.embed_documents(texts[::30])
    assert np.allclose(embedder.embed_documents(texts)[::30], some, atol=1e-4)


def test_instructions_stand_before_what_they_are_for(embedder):
    raw = embedder.embed_raw(["query: hotel", "passage: hotel", "hotel"])
    assert np.allclose(embedder.embed_query("hotel"), raw[0], atol=1e-4)
    assert np.allclose(embedder.embed_documents(["hotel"])[0], raw[1], atol=1e-4)
    assert raw[0] @ raw[2] < 0.99


def test_the_tokens_are_those_of_the_models_tokenizer(embedder):
    texts = ["Who pays for the hotel?", "hotel " * 100, "Bills."]
    ids = tokenizer_named(MINILM.model).encode_batch([f"passage: {text}" for text in texts])
    vectors, reads = embedder.embed_counted(texts)
    assert reads == [len(row.ids) for row in ids]
    assert embedder.count_tokens([f"passage: {text}" for text in texts]) == reads
    assert np.allclose(vectors, embedder.embed_documents(texts), atol=1e-4)


def test_no_more_tokens_are_counted_than_the_model_reads(embedder):
    assert embedder.embed_counted(["hotel " * 400])[1] == [256]


def test_many_threads_may_ask(embedder):
    alone = embedder.embed_query("Who pays?")
    found: list[np.ndarray] = []
    ask = lambda: found.append(embedder.embed_query("Who pays?"))  # noqa: E731
    add = lambda: embedder.embed_documents(TEXTS * 4)  # noqa: E731
    threads = [threading.Thread(target=work) for work in (ask, add) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(np.allclose(vector, alone, atol=1e-4) for vector in found)


def test_llama_cpp_gives_base64_and_the_full_vector(llama):
    llama.embed_query("who?")
    assert (llama.form.encoding, llama.form.dimensions) == ("base64", None)


def test_llama_cpp_ignores_dimensions_so_vectors_are_cut_here(running, llama):
    shorter = ServerEmbedder(replace(llama.settings, dimension=64))
    full = llama.embed_documents(TEXTS)[:, :64]
    expected = full / np.linalg.norm(full, axis=1, keepdims=True)
    assert np.allclose(shorter.embed_documents(TEXTS), expected, atol=1e-4)
    shorter.close()


def test_llama_cpp_refuses_a_text_beyond_its_batch_and_the_sentence_says_so(running):
    embedder = ServerEmbedder(replace(MINILM, engine="server", url=running.url, api_key="sesame", max_tokens=2000))
    with pytest.raises(EmbeddingError, match="does not take texts of 2000 tokens") as caught:
        embedder.embed_documents(["Bills.", "hotel " * 1000])
    embedder.close()
    assert caught.value.permanent


def test_llama_cpp_with_a_wrong_key_is_refused(running):
    embedder = ServerEmbedder(replace(MINILM, engine="server", url=running.url, api_key="mellon"))
    with pytest.raises(EmbeddingError, match="401") as caught:
        embedder.embed_query("who?")
    embedder.close()
    assert caught.value.permanent


def test_a_llama_cpp_that_was_killed_is_waited_for_and_found_again(gguf, tmp_path):
    with llama_server(gguf, folder=tmp_path, embedding=True) as first:
        port = int(first.url.rsplit(":", 1)[1].removesuffix("/v1"))
        again: list = []

        def start_again(seconds: float) -> None:
            if not again:
                again.append(llama_server(gguf, folder=tmp_path, embedding=True, port=port))
                again[0].__enter__()

        embedder = ServerEmbedder(replace(MINILM, engine="server", url=first.url), sleep=start_again)
        before = embedder.embed_documents(["Who pays?"])
        first.process.kill()
        first.process.wait()
        with pytest.raises(EmbeddingError, match="cannot be reached") as caught:
            embedder.embed_query("Who pays?")
        assert not caught.value.permanent
        try:
            assert np.allclose(embedder.embed_documents(["Who pays?"]), before, atol=1e-4)
        finally:
            embedder.close()
            for context in again:
                context.__exit__(None, None, None)
