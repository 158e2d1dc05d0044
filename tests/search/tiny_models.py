"""Embedding models made on the spot: random weights, but the architecture, pooling and files of real ones."""

from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model, XLMRobertaConfig, XLMRobertaModel

WORDS = (
    "instruct : given a web search query , retrieve relevant passages that answer the who pays for hotel train".split()
)
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
INSTRUCTION = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"


def tiny_qwen3(folder: Path) -> Path:
    """As Qwen3-Embedding: the last token's vector, padding on the left, an instruction before the question."""
    config = Qwen3Config(
        vocab_size=len(WORDS) + len(SPECIAL),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=64,
        pad_token_id=1,
    )
    return _saved(folder, Qwen3Model, config, "lasttoken", "$A </s>", "left", {"query": INSTRUCTION, "document": ""})


def tiny_xlm_roberta(folder: Path) -> Path:
    """As BGE-M3: the first token's vector, padding on the right, no instruction."""
    config = XLMRobertaConfig(
        vocab_size=len(WORDS) + len(SPECIAL),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=66,
        pad_token_id=1,
    )
    return _saved(folder, XLMRobertaModel, config, "cls", "<s> $A </s>", "right", {})


def _saved(folder, architecture, config, pooling, template, padding_side, prompts) -> Path:
    torch.manual_seed(7)
    body = folder / "body"
    architecture(config).save_pretrained(body)
    _tokenizer(template, padding_side).save_pretrained(body)
    transformer = Transformer(str(body))
    pool = Pooling(config.hidden_size, pooling_mode=pooling)
    SentenceTransformer(modules=[transformer, pool, Normalize()], prompts=prompts, device="cpu").save(
        str(folder / "st")
    )
    return folder / "st"


def _tokenizer(template: str, padding_side: str) -> PreTrainedTokenizerFast:
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    specials = [(word, vocabulary[word]) for word in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=specials)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        padding_side=padding_side,
    )
