"""What each way of running a local model on this CPU costs and gives: speed, exactness, start, memory.

    python -m benchmarks.backends [MODEL] [--texts N] [--backends torch openvino openvino-int8]

Each backend runs in a process of its own, twice, in turns; the speed is texts a second of CPU time, as a ratio to
torch, so that other work on the machine matters little. Conversions are made before anything is measured. The cosine
is that to torch's vectors of the very same texts. Writes benchmarks/results/backends.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.ingest import RESULTS, made_up_texts

BACKENDS = ("torch", "openvino", "openvino-int8")
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
WORDS_A_TEXT = 150  # as many tokens as a passage of the usual length has


def texts_of(count: int) -> list[str]:
    """Texts of a passage's length, always the same ones: real prose in several languages, and made-up sentences."""
    from search.embedders.samples import PROSE

    words = " ".join(text.decode() for _, text in made_up_texts()).split()
    parts = [" ".join(words[start : start + WORDS_A_TEXT]) for start in range(0, len(words), WORDS_A_TEXT)]
    prose = [f"{one} {other}" for one in PROSE for other in PROSE if one != other]
    return [text for pair in zip(parts, prose, strict=False) for text in pair][:count]


def settings_for(model: str, backend: str):
    from search.embedders import EmbeddingSettings
    from search.presets.model_files import facts_of

    facts = facts_of(model)
    return EmbeddingSettings(
        "local", model, "", facts.dimension, "", "", facts.max_tokens, device="cpu", backend=backend
    )


def resident_mb() -> int:
    """Memory of this process that is in use now, files that are mapped into it included."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


def measure(model: str, backend: str, count: int, vectors: Path) -> dict:
    """In this process: seconds to the first vector, texts a CPU second, memory. The vectors are written to the file."""
    begun = time.perf_counter()
    import django

    django.setup()
    from search.embedders import open_embedder

    embedder = open_embedder(settings_for(model, backend))
    embedder.embed_query("Is it there?")
    start, texts = time.perf_counter() - begun, texts_of(count)
    embedder.embed_documents(texts[:8])
    cpu, wall = time.process_time(), time.perf_counter()
    np.save(vectors, embedder.embed_documents(texts))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "start_s": round(start, 1), "texts_per_cpu_s": round(count / cpu, 2), "texts_per_s": round(count / wall, 2),
        "memory_mb": resident_mb(),
    }  # fmt: skip


def alone(model: str, backend: str, count: int, vectors: Path) -> dict:
    """The same in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.backends",
        model,
        "--measure",
        backend,
        str(vectors),
        "--texts",
        str(count),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(model: str, backends: list[str], count: int) -> dict:
    """A row a backend."""
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as place:
        os.environ.setdefault("KB_DATA", place)
        file = {backend: Path(place) / f"{backend}.npy" for backend in backends}
        for backend in backends:
            alone(model, backend, 8, file[backend])
        turns = [{backend: alone(model, backend, count, file[backend]) for backend in backends} for _ in range(2)]
        exact = np.load(file["torch"])
        cosines = {backend: (np.load(file[backend]) * exact).sum(axis=1) for backend in backends}
    return {backend: _row(turns, backend, cosines[backend]) for backend in backends}


def _row(turns: list[dict], backend: str, cosines: np.ndarray) -> dict:
    """The ratio is the mean of both turns; of the rest the better one, which other work can only worsen."""
    found = [turn[backend] for turn in turns]
    ratios = [turn[backend]["texts_per_cpu_s"] / turn["torch"]["texts_per_cpu_s"] for turn in turns]
    return {
        "texts_per_cpu_s": max(one["texts_per_cpu_s"] for one in found),
        "ratio": round(sum(ratios) / len(ratios), 2),
        "cosine_min": round(float(cosines.min()), 4),
        "cosine_mean": round(float(cosines.mean()), 4),
        "start_s": min(one["start_s"] for one in found),
        "memory_mb": max(one["memory_mb"] for one in found),
    }


def shown(rows: dict) -> str:
    """As a table in Markdown."""
    lines = [
        "| backend | texts per CPU-s | ratio to torch | cosine min / mean | start s | memory MB |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        cosine = f"{row['cosine_min']:.4f} / {row['cosine_mean']:.4f}"
        lines.append(
            f"| {name} | {row['texts_per_cpu_s']} | {row['ratio']} | {cosine} | {row['start_s']} | {row['memory_mb']} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", nargs="?", default=MINILM)
    parser.add_argument("--texts", type=int, default=96)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--measure", nargs=2, metavar=("BACKEND", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kb.settings")
    if options.measure:
        print(json.dumps(measure(options.model, options.measure[0], options.texts, Path(options.measure[1]))))
        return
    backends = ["torch", *(backend for backend in options.backends if backend != "torch")]
    rows = compare(options.model, backends, options.texts)
    load = os.getloadavg()[0]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "backends.json").write_text(json.dumps({"load": load, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    print(shown(rows))
    print(f"\n{os.cpu_count()} cores; {load:.1f} processes wanted one when it ended.")


if __name__ == "__main__":
    main()
