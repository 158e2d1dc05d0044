"""Reranking models made on the spot: random weights, but the architecture and the files of real ones."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)  # fmt: skip

from search.rerankers.qwen3 import INSTRUCTION, PREFIX, SUFFIX

WORDS = "<Instruct>: <Query>: <Document>: who pays for the hotel ? a guest is here train and yes no".split()
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
TEMPLATE = {"single": "<s> $A </s>", "pair": "<s> $A </s> </s> $B </s>"}


def tiny_bge(folder: Path, labels: int = 1) -> Path:
    """As bge-reranker: XLM-RoBERTa that reads question and passage as a pair, with one number at its end."""
    config = XLMRobertaConfig(
        **_shape(), max_position_embeddings=66, num_labels=labels, pad_token_id=1, bos_token_id=0, eos_token_id=2
    )
    return _saved(folder, XLMRobertaForSequenceClassification(config), TEMPLATE, "right")


def tiny_qwen3_reranker(folder: Path) -> Path:
    """As Qwen3-Reranker: a language model whose next token is yes or no."""
    config = Qwen3Config(
        **_shape(), num_key_value_heads=2, head_dim=8, max_position_embeddings=512, pad_token_id=1, eos_token_id=2
    )
    return _saved(folder, Qwen3ForCausalLM(config), None, "left")


def _shape() -> dict:
    return {
        "vocab_size": len(_vocabulary()), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "initializer_range": 0.5,
    }  # fmt: skip


def _vocabulary() -> dict[str, int]:
    prompt = pre_tokenizers.WhitespaceSplit().pre_tokenize_str(f"{PREFIX} {INSTRUCTION} {SUFFIX}")
    words = dict.fromkeys([*SPECIAL, *WORDS, *(word for word, _ in prompt)])
    return {word: number for number, word in enumerate(words)}


def _saved(folder: Path, model, template: dict | None, padding_side: str) -> Path:
    torch.manual_seed(3)
    model.init_weights()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    vocabulary = _vocabulary()
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if template:
        marks = [(word, vocabulary[word]) for word in ("<s>", "</s>")]
        tokenizer.post_processor = processors.TemplateProcessing(**template, special_tokens=marks)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
        padding_side=padding_side,
    ).save_pretrained(folder)  # fmt: skip
    return folder
