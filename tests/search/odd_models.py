"""Models that sentence-transformers runs and that are made otherwise than most: random weights, made on the spot."""

from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    LayerNorm,
    Normalize,
    Pooling,
    StaticEmbedding,
    Transformer,
)
from transformers import DistilBertConfig, DistilBertModel, MPNetConfig, MPNetModel, RobertaConfig, RobertaModel

from tests.search.tiny_models import LEGACY, SIZE, _backend, _save, _seeded, _write


def tiny_distilbert(folder: Path) -> Path:
    """Calls its width `dim`, and its inner one `hidden_dim`."""
    config = DistilBertConfig(
        vocab_size=SIZE["vocab_size"], dim=64, hidden_dim=128, n_layers=2, n_heads=4, max_position_embeddings=128,
        pad_token_id=1,
    )  # fmt: skip
    _save(folder / "plain", DistilBertModel(_seeded(config)), "<s> $A </s>", "right")
    return _saved(folder, Transformer(str(folder / "plain")), Pooling(64, "cls"))


def tiny_mpnet(folder: Path) -> Path:
    """As all-mpnet-base-v2: positions are counted from behind the padding token's, so that 128 of 130 are read."""
    config = MPNetConfig(**SIZE, max_position_embeddings=130)
    _save(folder / "plain", MPNetModel(_seeded(config)), "<s> $A </s>", "right")
    return _saved(folder, Transformer(str(folder / "plain")), Pooling(64, "mean"), Normalize())


def tiny_static(folder: Path) -> Path:
    """As static-retrieval-mrl-en-v1: a table of word vectors, whose mean is a text's; no special tokens, no limit."""
    torch.manual_seed(7)
    return _saved(folder, StaticEmbedding(_backend("<s> $A </s>"), embedding_dim=48), Normalize())


def tiny_two_poolings(folder: Path) -> Path:
    """Mean and maximum one behind the other, then a layer that normalises numbers, which says how many there are."""
    config = RobertaConfig(**SIZE, max_position_embeddings=66)
    _save(folder / "plain", RobertaModel(_seeded(config)), "<s> $A </s>", "right")
    return _saved(folder, Transformer(str(folder / "plain")), Pooling(64, ("mean", "max")), LayerNorm(128))


def tiny_old_layout(folder: Path) -> Path:
    """As models of 2020 lie in their folders: each part in its own, the ways of pooling as switches; and projected."""
    config = RobertaConfig(**SIZE, max_position_embeddings=514)
    _save(folder / "0_Transformer", RobertaModel(_seeded(config)), "<s> $A </s>", "right")
    _write(folder / "0_Transformer" / "sentence_roberta_config.json", {"max_seq_length": 75})
    switches = {f"pooling_mode_{name}": name in ("mean_tokens", "max_tokens") for name in LEGACY}
    _write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": 64, **switches})
    (folder / "2_Dense").mkdir()
    Dense(128, 32).save(str(folder / "2_Dense"))
    _write(folder / "modules.json", [
        {"idx": number, "name": str(number), "path": f"{number}_{kind}", "type": f"sentence_transformers.models.{kind}"}
        for number, kind in enumerate(("Transformer", "Pooling", "Dense"))
    ])  # fmt: skip
    return folder


def _saved(folder: Path, *parts: torch.nn.Module) -> Path:
    """As sentence-transformers saves it today."""
    SentenceTransformer(modules=list(parts), device="cpu").save_pretrained(str(folder / "model"))
    return folder / "model"
