"""Every architecture that Lectern ships a preset for, through the real loading path, held against hand computation."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModel

from search.embedders import EmbeddingError, EmbeddingSettings
from search.embedders.local import LocalEmbedder
from search.embedders.precision import favourite
from search.embedders.torch_model import attentions
from search.presets.model_files import facts_of
from search.tokenize import tokenizer_named
from search.vectors import shorten
from tests.search.tiny_models import INSTRUCTION, tiny_bert, tiny_mistral, tiny_qwen3, tiny_xlm_roberta

MAKERS = {"qwen3": tiny_qwen3, "xlm_roberta": tiny_xlm_roberta, "mistral": tiny_mistral, "bert": tiny_bert}
TEXTS = ["who pays for the hotel", "train", "the train " * 20, "retrieve relevant passages", "hotel hotel"]
REACH = {"qwen3": 32_768, "xlm_roberta": 8_192, "mistral": 4_096, "bert": 512}


def settings_for(folder) -> EmbeddingSettings:
    facts = facts_of(str(folder))
    return EmbeddingSettings(
        engine="local", model=str(folder), revision="", dimension=facts.dimension,
        query_instruction=facts.query_instruction, document_instruction=facts.document_instruction,
        max_tokens=facts.max_tokens, device="cpu", backend="torch",
    )  # fmt: skip


@pytest.fixture(scope="module")
def embedders(tmp_path_factory):
    return {
        name: LocalEmbedder(settings_for(make(tmp_path_factory.mktemp(name) / "model")))
        for name, make in MAKERS.items()
    }


@pytest.fixture(params=MAKERS)
def name(request):
    return request.param


@pytest.fixture
def embedder(embedders, name):
    return embedders[name]


def by_hand(folder: str, text: str, pooling: str) -> np.ndarray:
    """The pooled hidden states of one text, of length 1, with nothing but transformers."""
    ids = torch.tensor([tokenizer_named(folder).encode(text).ids])
    with torch.inference_mode():
        states = AutoModel.from_pretrained(folder).eval()(input_ids=ids).last_hidden_state[0].numpy()
    vector = {"cls": states[0], "lasttoken": states[-1], "mean": states.mean(axis=0)}[pooling]
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize(
    ("name", "pooling"), [("qwen3", "lasttoken"), ("xlm_roberta", "cls"), ("mistral", "lasttoken"), ("bert", "mean")]
)
def test_the_pooling_is_the_models_own(embedders, name, pooling):
    vectors = embedders[name].embed_documents(TEXTS)
    expected = [by_hand(embedders[name].settings.model, text, pooling) for text in TEXTS]
    assert np.allclose(vectors, expected, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls", "lasttoken"])
def test_a_preset_may_pool_otherwise(embedders, pooling):
    settings = embedders["bert"].settings
    found = LocalEmbedder(replace(settings, pooling=pooling)).embed_documents(TEXTS)
    assert np.allclose(found, [by_hand(settings.model, text, pooling) for text in TEXTS], atol=1e-5)


def test_only_a_model_that_pools_can_pool_otherwise(embedders, monkeypatch):
    monkeypatch.setattr("search.embedders.torch_model.Pooling", type("Other", (), {}))
    with pytest.raises(EmbeddingError, match="no pooling can be set"):
        LocalEmbedder(replace(embedders["bert"].settings, pooling="cls"))


def test_the_files_say_how_far_it_reads(embedder, name):
    assert embedder.settings.max_tokens == REACH[name]
    assert embedder.count_tokens(["hotel " * 40_000]) == [REACH[name]]


@pytest.mark.parametrize("name", ["qwen3", "mistral"])
def test_an_end_token_stands_behind_every_text(embedders, name):
    settings = embedders[name].settings
    features = embedders[name].model.model.preprocess(["hotel", "the train", "hotel " * 40_000])
    end = embedders[name].model.model.tokenizer.eos_token_id
    assert features["input_ids"][:, -1].tolist() == [end, end, end]
    assert tokenizer_named(settings.model).encode("hotel").ids[-1] == end


@pytest.mark.parametrize(("name", "instruction"), [("qwen3", INSTRUCTION), ("mistral", f"{INSTRUCTION} ")])
def test_the_instruction_stands_before_questions_only(embedders, name, instruction):
    embedder, question = embedders[name], "who pays for the hotel"
    assert embedder.settings.query_instruction == instruction
    assert np.allclose(embedder.embed_query(question), embedder.embed_raw([instruction + question])[0], atol=1e-6)
    assert np.allclose(embedder.embed_documents([question]), embedder.embed_raw([question]), atol=1e-6)
    assert not np.allclose(embedder.embed_query(question), embedder.embed_documents([question])[0], atol=1e-3)


@pytest.mark.parametrize("name", ["xlm_roberta", "bert"])
def test_models_without_instruction_get_none(embedders, name):
    question = "who pays for the hotel"
    assert np.allclose(embedders[name].embed_query(question), embedders[name].embed_documents([question])[0], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "side"),
    [(name, side) for name in MAKERS for side in ("left", "right") if (name, side) != ("bert", "left")],
)  # BERT counts positions from where the padding begins: its tokenizer always pads on the right
def test_padding_on_either_side_changes_no_vector(embedders, name, monkeypatch, side):
    embedder = embedders[name]
    alone = np.concatenate([embedder.embed_documents([text]) for text in TEXTS])
    monkeypatch.setattr(embedder.model.model.tokenizer, "padding_side", side)
    assert np.allclose(embedder.embed_documents(TEXTS), alone, atol=1e-5)


def test_32k_tokens_go_into_one_vector(embedders):
    embedder = embedders["qwen3"]
    text, other_end = "train " * 32_767, "train " * 29_767 + "hotel " * 3_000
    texts = [text, other_end, f"{other_end} pays"]
    assert embedder.count_tokens(texts) == [32_768] * 3
    one, other, longer = embedder.embed_documents(texts)
    assert not np.allclose(one, other, atol=1e-3)
    assert np.allclose(other, longer, atol=1e-6)


@pytest.mark.parametrize("dimension", [32, 48, 64])
def test_vectors_are_cut_and_made_of_length_1_again(embedders, dimension):
    full = embedders["qwen3"].embed_documents(TEXTS)
    short = shorten(full, dimension)
    assert short.shape == (len(TEXTS), dimension)
    assert np.allclose(np.linalg.norm(short, axis=1), 1, atol=1e-6)
    assert np.allclose(
        short * np.linalg.norm(full[:, :dimension], axis=1, keepdims=True), full[:, :dimension], atol=1e-6
    )


def test_a_cpu_computes_in_float32_with_sdpa(embedder):
    config = embedder.model.model[0].model.config
    assert (favourite("cpu"), attentions("cpu", torch.float32)) == ("float32", ["sdpa", None])
    assert config._attn_implementation == "sdpa"
    assert next(embedder.model.model.parameters()).dtype == torch.float32


def test_a_gpu_computes_in_bf16_with_flash_attention_where_it_is_there(monkeypatch):
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr("search.embedders.torch_model.is_flash_attn_2_available", lambda: True)
    assert favourite("cuda") == "bfloat16"
    assert attentions("cuda", torch.bfloat16) == ["flash_attention_2", "sdpa", None]
    assert attentions("cuda", torch.float32) == ["sdpa", None]
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda device: (7, 5))
    assert favourite("cuda") == "float32"
    assert attentions("cuda", torch.float16) == ["sdpa", None]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_the_numbers_keep_the_meaning(embedders, dtype):
    rounded = LocalEmbedder(replace(embedders["qwen3"].settings, dtype=dtype))
    assert next(rounded.model.model.parameters()).dtype == getattr(torch, dtype)
    assert (rounded.embed_documents(TEXTS) * embedders["qwen3"].embed_documents(TEXTS)).sum(axis=1).min() > 0.98


def test_an_attention_that_does_not_work_here_is_left_out(embedders, monkeypatch):
    ways = ["flash_attention_2", "sdpa", None]
    monkeypatch.setattr("search.embedders.torch_model.attentions", lambda device, dtype: ways)
    embedder = LocalEmbedder(embedders["qwen3"].settings)
    assert embedder.model.model[0].model.config._attn_implementation == "sdpa"
    assert np.allclose(embedder.embed_documents(TEXTS), embedders["qwen3"].embed_documents(TEXTS), atol=1e-5)
