"""A chat GGUF made on the spot: a llama of two small layers with random weights and a vocabulary of single bytes."""

from pathlib import Path

import gguf
import numpy as np

WIDTH, LAYERS = 64, 2
A_HEAD = 16  # numbers
CONTEXT = 4096
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\\n' }}{% endfor %}assistant: "
)
CONTROL = ("<unk>", "<s>", "</s>")
SIGNS = range(32, 127)  # that have a token of their own


def chat_gguf(file: Path, *, width: int = WIDTH, layers: int = LAYERS) -> Path:
    """What it writes means nothing, and is the same for the same question at temperature 0.

    With other than the usual numbers it takes its time.
    """
    writer = gguf.GGUFWriter(file, "llama")
    vocabulary = _describe(writer, width, layers)
    for name, weight in _weights(vocabulary, width, layers).items():
        writer.add_tensor(name, weight)
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    return file


def _describe(writer: gguf.GGUFWriter, width: int, layers: int) -> int:
    """The number of tokens: three with a meaning of their own, then a token a byte."""
    tokens = [*CONTROL, *(f"<0x{byte:02X}>" for byte in range(256)), *map(chr, SIGNS)]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * len(SIGNS)
    tokens[len(CONTROL) + 256] = "\u2581"  # how a space is written
    writer.add_name("random chat")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(2 * width)
    writer.add_head_count(width // A_HEAD)
    writer.add_head_count_kv(width // A_HEAD)
    writer.add_rope_dimension_count(A_HEAD)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(TEMPLATE)
    return len(tokens)


def _weights(vocabulary: int, width: int, layers: int) -> dict[str, np.ndarray]:
    dice = np.random.default_rng(11)

    def random(*shape: int) -> np.ndarray:
        return (dice.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)

    head = random(vocabulary, width)
    letters = [
        len(CONTROL) + 256 + place for place, sign in enumerate(SIGNS) if chr(sign).isalpha() or chr(sign) == " "
    ]
    head[np.setdiff1d(np.arange(vocabulary), letters)] = 0.0  # so that what it writes is text, and no markup
    weights = {
        "token_embd.weight": random(vocabulary, width), "output.weight": head * 4,
        "output_norm.weight": np.ones(width, np.float32),
    }  # fmt: skip
    for layer in range(layers):
        named = f"blk.{layer}."
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weights[f"{named}{part}.weight"] = random(width, width)
        weights[f"{named}ffn_gate.weight"] = random(2 * width, width)
        weights[f"{named}ffn_up.weight"] = random(2 * width, width)
        weights[f"{named}ffn_down.weight"] = random(width, 2 * width)
        for part in ("attn_norm", "ffn_norm"):
            weights[f"{named}{part}.weight"] = np.ones(width, np.float32)
    return weights
