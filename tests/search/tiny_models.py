"""Embedding models made on the spot: random weights; architecture, pooling and files as in the real ones."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    MistralConfig,
    MistralModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3Model,
    XLMRobertaConfig,
    XLMRobertaModel,
)  # fmt: skip

WORDS = (
    "instruct : given a web search query , retrieve relevant passages that answer the who pays for hotel train".split()
)
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
INSTRUCTION = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
LEGACY = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")
SIZE = {
    "vocab_size": len(WORDS) + len(SPECIAL), "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "pad_token_id": 1,
}  # fmt: skip
GROUPED = {"num_key_value_heads": 2, "head_dim": 16, "rms_norm_eps": 1e-6}


def tiny_qwen3(folder: Path, reach: int = 32_768) -> Path:
    """As Qwen3-Embedding: last token, an end token behind every text, padding on the left, 32,768 positions."""
    config = Qwen3Config(**SIZE, **GROUPED, max_position_embeddings=reach, rope_theta=1_000_000)
    _save(folder, Qwen3Model(_seeded(config)), "$A </s>", "left")
    return _described(folder, 64, "lasttoken", prompts={"query": INSTRUCTION, "document": ""})


def tiny_xlm_roberta(folder: Path, reach: int = 8_192) -> Path:
    """As BGE-M3: the first token's vector, padding on the right, no instruction, 8,192 tokens of 8,194 positions."""
    config = XLMRobertaConfig(**SIZE, max_position_embeddings=reach + 2)
    _save(folder, XLMRobertaModel(_seeded(config)), "<s> $A </s>", "right")
    return _described(folder, 64, "cls_token", reach=reach)


def tiny_mistral(folder: Path) -> Path:
    """As E5-Mistral: last token; an end token that only tokenizer_config.json asks for; a sliding window."""
    config = MistralConfig(**SIZE, **GROUPED, max_position_embeddings=32_768, sliding_window=4_096)
    _save(folder, MistralModel(_seeded(config)), "<s> $A", "left", add_bos_token=True, add_eos_token=True)
    return _described(folder, 64, "lasttoken", reach=4_096, prompts={"web_search_query": f"{INSTRUCTION} "})


def tiny_bert(folder: Path) -> Path:
    """As M3E: the mean of all tokens, 512 of them, and nothing that normalises its vectors."""
    config = BertConfig(**SIZE, max_position_embeddings=512)
    _save(folder, BertModel(_seeded(config)), "<s> $A </s>", "right")
    return _described(folder, 64, "mean_tokens", reach=512, normalises=False)


def _seeded(config):
    torch.manual_seed(7)
    return config


def _save(folder: Path, model, template: str, side: str, **config) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    _tokenizer(template, side, **config).save_pretrained(folder)
    if config:
        file = folder / "tokenizer_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **config}))
        (folder / "tokenizer.json").write_text(_backend(template).to_str())


def _described(folder: Path, width: int, pooling: str, *, reach=None, prompts=None, normalises=True) -> Path:
    """The files that sentence-transformers reads, in the form in which the models were published."""
    names = [("Transformer", ""), ("Pooling", "1_Pooling"), *([("Normalize", "2_Normalize")] if normalises else [])]
    _write(folder / "modules.json", [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{name}"}
        for number, (name, path) in enumerate(names)
    ])  # fmt: skip
    modes = {f"pooling_mode_{name}": name == pooling for name in LEGACY}
    _write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": width, **modes, "include_prompt": True})
    if normalises:
        (folder / "2_Normalize").mkdir()
    if reach:
        _write(folder / "sentence_bert_config.json", {"max_seq_length": reach, "do_lower_case": False})
    facts = {"prompts": prompts or {}, "default_prompt_name": None, "similarity_fn_name": "cosine"}
    _write(folder / "config_sentence_transformers.json", facts)
    return folder


def _write(file: Path, content) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


def _backend(template: str) -> Tokenizer:
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    specials = [(word, vocabulary[word]) for word in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=specials)
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def _tokenizer(template: str, side: str, **config) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=_backend(template),
        bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>", padding_side=side, **config,
    )  # fmt: skip
