"""How near a local model comes to what the card can compute, beside sentence-transformers as it comes.

    python -m benchmarks.gpu [--model 4B] [--tokens 256 2048 32768] [--peak TFLOPS]

Makes a Qwen3-Embedding of that size with random weights (nothing is downloaded), embeds texts of random words of so
many tokens with Lectern's engine and with `SentenceTransformer.encode`, both in bf16 on a GPU, and prints tokens a
second and the share of the card's dense bf16 peak (--peak, or by the card's name; without either the share of a
matrix product that is measured here). `--model tiny` runs anywhere. Writes benchmarks/results/gpu.json.
"""

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.ingest import RESULTS


@dataclass(frozen=True)
class Shape:
    """A Qwen3 as its config.json describes it: https://huggingface.co/Qwen/Qwen3-Embedding-4B and its sisters."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int

    def matrix_parameters(self) -> int:
        """Weights that every token is multiplied with."""
        attention = self.hidden * self.head * (2 * self.heads + 2 * self.kv_heads)
        return self.layers * (attention + 3 * self.hidden * self.intermediate)

    def flops(self, tokens: int) -> float:
        """Of a text with so many tokens: 2 a weight and token, and attention over those before (half of the square)."""
        return 2.0 * self.matrix_parameters() * tokens + 2.0 * self.layers * self.heads * self.head * tokens**2


SHAPES = {
    "tiny": Shape(2, 64, 128, 4, 2, 16, 1_000),
    "0.6B": Shape(28, 1024, 3072, 16, 8, 128, 151_669),
    "4B": Shape(36, 2560, 9728, 32, 8, 128, 151_665),
    "8B": Shape(36, 4096, 12288, 32, 8, 128, 151_665),
}
# Dense bf16 TFLOP/s by the makers' data sheets (without sparsity).
PEAKS = {
    "H200": 989, "H100 PCIe": 756, "H100": 989, "B200": 2250, "A100": 312, "A10G": 70, "A10": 125, "A30": 165,
    "L40S": 362, "L40": 181, "L4": 121, "4090": 165, "3090": 71,
}  # fmt: skip
TOKENS_AT_ONCE = 262_144  # in a measurement, so that each takes seconds
REACH = 32_768


def make(folder: Path, shape: Shape, dtype: torch.dtype, device: str) -> Path:
    """A model of this shape with random weights, in the files of a real one; made on the device, which is quick."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

    config = Qwen3Config(
        vocab_size=shape.vocabulary, hidden_size=shape.hidden, intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads,
        head_dim=shape.head, max_position_embeddings=REACH, rope_theta=1_000_000, dtype=dtype,
    )  # fmt: skip
    torch.manual_seed(7)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            model = Qwen3Model(config)
    finally:
        torch.set_default_dtype(before)
    model.save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({"<end>": 0, **{f"w{n}": n for n in range(1, 1_000)}}, unk_token="<end>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <end>", special_tokens=[("<end>", 0)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>", padding_side="left"
    ).save_pretrained(folder)
    describe(folder, shape.hidden)
    return folder


def describe(folder: Path, width: int) -> None:
    """What sentence-transformers reads: last token, then length 1."""
    modules = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
    listed = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{name}"}
        for number, (name, path) in enumerate(modules)
    ]
    for _, path in modules[1:]:
        (folder / path).mkdir()
    pooling = {"word_embedding_dimension": width, "pooling_mode_mean_tokens": False, "pooling_mode_lasttoken": True}
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


def texts_of(tokens: int, at_once: int) -> list[str]:
    """Random words; a text has exactly so many tokens, the end token included."""
    dice = random.Random(tokens)
    return [" ".join(f"w{dice.randint(1, 999)}" for _ in range(tokens - 1)) for _ in range(max(1, at_once // tokens))]


def seconds(work: Callable[[], object], device: str, turns: int = 3) -> float:
    """The best of some turns, after one that does not count."""
    times = []
    for _ in range(turns + 1):
        _wait(device)
        begun = time.perf_counter()
        work()
        _wait(device)
        times.append(time.perf_counter() - begun)
    return min(times[1:])


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def peak_of(device: str, dtype: torch.dtype, named: float | None) -> tuple[float, str]:
    """FLOP/s that count as all of it, and where the number comes from."""
    if named:
        return named * 1e12, "as given"
    card = torch.cuda.get_device_name(device) if device.startswith("cuda") else ""
    for name, tera in PEAKS.items():
        if name in card:
            return tera * 1e12, f"data sheet of the {card}"
    size = 8192 if card else 1024
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    return 2 * size**3 / seconds(lambda: a @ b, device), "measured, a matrix product"


def measure(folder: Path, shape: Shape, lengths: list[int], at_once: int, peak: float) -> list[dict]:
    """A row a length: tokens a second and share of the peak, ours and theirs, and whether the vectors agree."""
    from sentence_transformers import SentenceTransformer

    from search.embedders import EmbeddingSettings, open_embedder

    ours = open_embedder(EmbeddingSettings("local", str(folder), "", shape.hidden, "", "", REACH, backend="torch"))
    device, dtype = ours.device, next(ours.model.model.parameters()).dtype
    theirs = SentenceTransformer(str(folder), device=device, model_kwargs={"dtype": dtype})
    rows = []
    for length in lengths:
        texts = texts_of(length, at_once)
        row = {"tokens": length, "texts": len(texts)}
        for name, work in (("lectern", ours.embed_documents), ("encode", theirs.encode)):
            row |= _speed(
                name, lambda work=work, texts=texts: work(texts), device, length * len(texts), shape, length, peak
            )
        row["cosine"] = _agreement(ours, theirs, texts[:2])
        rows.append(row)
    return rows


def _speed(name: str, work, device: str, tokens: int, shape: Shape, length: int, peak: float) -> dict:
    """Tokens a second and share of the peak; None where the memory does not suffice."""
    try:
        took = seconds(work, device)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return {f"{name}_tokens_per_s": None, f"{name}_share": None}
    flops = shape.flops(length) * tokens / length
    return {f"{name}_tokens_per_s": round(tokens / took), f"{name}_share": round(flops / took / peak, 3)}


def _agreement(ours, theirs, texts: list[str]) -> float:
    """Of the first vectors, one at a time, so that no memory is short."""
    other = theirs.encode(texts, batch_size=1, normalize_embeddings=True)
    return round(float((ours.embed_documents(texts) * other).sum(axis=1).min()), 4)


def shown(rows: list[dict]) -> str:
    """As a table in Markdown."""
    lines = [
        "| tokens a text | texts | Lectern tokens/s | share | encode tokens/s | share | cosine |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [row["tokens"], row["texts"]]
        for name in ("lectern", "encode"):
            speed, share = row[f"{name}_tokens_per_s"], row[f"{name}_share"]
            cells += ["out of memory", "-"] if speed is None else [f"{speed:,}", f"{share:.1%}"]
        lines.append("| " + " | ".join(str(cell) for cell in [*cells, row["cosine"]]) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=SHAPES, default="4B")
    parser.add_argument("--tokens", type=int, nargs="+", default=[256, 2048, 32_768])
    parser.add_argument("--at-once", type=int, default=TOKENS_AT_ONCE, help="tokens in a measurement")
    parser.add_argument("--peak", type=float, help="the card's dense bf16 TFLOP/s")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kb.settings")
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as place:
        os.environ.setdefault("KB_DATA", place)
        import django

        django.setup()
        from search.embedders.device import device_of
        from search.embedders.precision import favourite

        device, shape = device_of(""), SHAPES[options.model]
        dtype = getattr(torch, favourite(device))
        peak, source = peak_of(device, dtype, options.peak)
        folder = make(Path(place) / "model", shape, dtype, device)
        rows = measure(folder, shape, options.tokens, options.at_once, peak)
    RESULTS.mkdir(exist_ok=True)
    found = {
        "model": options.model,
        "device": device,
        "peak_tflops": round(peak / 1e12, 3),
        "peak": source,
        "rows": rows,
    }
    (RESULTS / "gpu.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"Qwen3-Embedding-{options.model}, random weights, {device}; peak {peak / 1e12:.4g} TFLOP/s ({source})\n")
    print(shown(rows))


if __name__ == "__main__":
    main()
