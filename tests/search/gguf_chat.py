"""A chat GGUF made on the spot: a llama of two small layers with random weights and a vocabulary of single bytes."""

from pathlib import Path

import gguf
import numpy as np

WIDTH, HEADS, LAYERS, INNER = 64, 4, 2, 128
CONTEXT = 4096
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\\n' }}{% endfor %}assistant: "
)
CONTROL = ("<unk>", "<s>", "</s>")


def chat_gguf(file: Path) -> Path:
    """What it writes means nothing, and is the same for the same question at temperature 0."""
    writer = gguf.GGUFWriter(file, "llama")
    vocabulary = _describe(writer)
    for name, weight in _weights(vocabulary).items():
        writer.add_tensor(name, weight)
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    return file


def _describe(writer: gguf.GGUFWriter) -> int:
    """The number of tokens: three with a meaning of their own, then a token a byte."""
    tokens = [*CONTROL, *(f"<0x{byte:02X}>" for byte in range(256)), *map(chr, range(32, 127))]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * 95
    tokens[len(CONTROL) + 256] = "\u2581"  # how a space is written
    writer.add_name("random chat")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
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


def _weights(vocabulary: int) -> dict[str, np.ndarray]:
    dice = np.random.default_rng(11)

    def random(*shape: int) -> np.ndarray:
        return (dice.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)

    head = random(vocabulary, WIDTH)
    head[: len(CONTROL) + 256] = 0.0  # it prefers letters, so that what it writes is text
    weights = {
        "token_embd.weight": random(vocabulary, WIDTH), "output.weight": head * 4,
        "output_norm.weight": np.ones(WIDTH, np.float32),
    }  # fmt: skip
    for layer in range(LAYERS):
        named = f"blk.{layer}."
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weights[f"{named}{part}.weight"] = random(WIDTH, WIDTH)
        weights[f"{named}ffn_gate.weight"] = random(INNER, WIDTH)
        weights[f"{named}ffn_up.weight"] = random(INNER, WIDTH)
        weights[f"{named}ffn_down.weight"] = random(WIDTH, INNER)
        for part in ("attn_norm", "ffn_norm"):
            weights[f"{named}{part}.weight"] = np.ones(WIDTH, np.float32)
    return weights
