"""What each vector store costs: to add, to ask, in memory and on disk, and how much of the truth it finds.

    python -m benchmarks.stores [--vectors 10000] [--dimension 384] [--questions 200] [--engines chroma,faiss,milvus]

Vectors are made up in clusters, as texts about some subjects give them. Each engine runs in a process of its own, with
its server where it has one; CPU time is that of both, so that it carries over to another machine where wall time does
not. `exact` is numpy over the same vectors. Prints a table and writes benchmarks/results/stores.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"
COLLECTION = "index-1-1"
BATCH = 1000
TICKS = os.sysconf("SC_CLK_TCK")
HEADINGS = ("engine", "add CPU-ms", "ask CPU-ms", "ask ms", "recall@10", "memory MB", "disk MB")


@dataclass(frozen=True)
class Cost:
    """Of an engine: CPU-milliseconds a vector added and a question asked, milliseconds a question, MB."""

    engine: str
    add: float
    ask: float
    wait: float
    recall: float
    memory: float
    disk: float


def made_up(count: int, dimension: int, *, seed: int = 1) -> np.ndarray:
    """(count, dimension) vectors of length 1 in clusters of about 50."""
    dice = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(max(20, count // 50), dimension)).astype(np.float32)
    rows = (
        centres[dice.integers(0, len(centres), count)] + dice.normal(size=(count, dimension)).astype(np.float32) * 0.5
    )
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Exact:
    """All vectors compared with numpy, as search does while a store is being rebuilt."""

    def __init__(self) -> None:
        self.rows: list[np.ndarray] = []

    def add(self, collection: str, ids, vectors: np.ndarray) -> None:
        self.rows.append(vectors)

    def nearest(self, collection: str, vector: np.ndarray, limit: int) -> list:
        from search.stores import Neighbour

        if len(self.rows) > 1:
            self.rows = [np.concatenate(self.rows)]
        similarities = self.rows[0] @ vector
        best = np.argpartition(-similarities, limit)[:limit]
        return [Neighbour(int(row), float(similarities[row])) for row in best]


class Spent:
    """CPU seconds of this process and a server since it was made."""

    def __init__(self, server: int | None) -> None:
        self.server, self.before = server, self._now(server)

    def _now(self, server: int | None) -> float:
        return time.process_time() + (_cpu_seconds(server) if server else 0.0)

    def milliseconds(self) -> float:
        return (self._now(self.server) - self.before) * 1000


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory(pid: int | str) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1000


def _disk(folder: Path) -> float:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()) / 1e6


def measure(engine: str, vectors: int, dimension: int, questions: int) -> Cost:
    """One engine, in this process."""
    data = Path(tempfile.mkdtemp(prefix=f"stores-{engine}-"))
    os.environ |= {"KB_DATA": str(data), "KB_LOG_LEVEL": "WARNING"}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kb.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from search.stores import open_store
    from tests.search.chroma_server import ChromaServer
    from tests.search.milvus_server import MilvusServer

    call_command("migrate", verbosity=0)  # the database has the name under which engines keep things
    kinds = {"chroma": ChromaServer, "milvus": MilvusServer}
    server = kinds[engine](data / engine) if engine in kinds else None
    if server:
        server.start()
        settings.KB_CHROMA_URL = settings.KB_MILVUS_URI = server.url
    try:
        store = Exact() if engine == "exact" else open_store(engine)
        return _measured(engine, store, server.process.pid if server else None, data, (vectors, dimension, questions))
    finally:
        if server:
            server.stop()


def _measured(engine: str, store, pid: int | None, data: Path, size: tuple[int, int, int]) -> Cost:
    vectors, dimension, questions = size
    before = _memory("self")
    rows, asked = made_up(vectors, dimension), made_up(questions, dimension, seed=2)
    own = _memory("self") - before
    spent = Spent(pid)
    for start in range(0, vectors, BATCH):
        store.add(COLLECTION, range(start, min(vectors, start + BATCH)), rows[start : start + BATCH])
    add = spent.milliseconds() / vectors
    store.nearest(COLLECTION, asked[0], 10)
    spent, begun = Spent(pid), time.perf_counter()
    found = [{one.chunk_id for one in store.nearest(COLLECTION, question, 10)} for question in asked]
    ask, wait = spent.milliseconds() / questions, (time.perf_counter() - begun) * 1000 / questions
    right = [set(np.argpartition(-(rows @ question), 10)[:10].tolist()) for question in asked]
    recall = sum(len(one & other) for one, other in zip(found, right, strict=True)) / (10 * questions)
    memory = _memory(pid) if pid else max(0.0, _memory("self") - before - own)
    return Cost(engine, add, ask, wait, recall, memory, _disk(data / engine))


def table(costs: list[Cost]) -> str:
    rows = [
        (one.engine, f"{one.add:.2f}", f"{one.ask:.1f}", f"{one.wait:.1f}", f"{one.recall:.3f}", f"{one.memory:.0f}",
         f"{one.disk:.0f}")
        for one in costs
    ]  # fmt: skip
    return "\n".join("| " + " | ".join(row) + " |" for row in (HEADINGS, ("---",) * len(HEADINGS), *rows))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--vectors", type=int, default=10_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--engines", default="exact,faiss,chroma,milvus")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)  # in this process, as JSON
    options = parser.parse_args()
    size = (options.vectors, options.dimension, options.questions)
    if options.one:
        print(json.dumps(asdict(measure(options.engines, *size))))
        return 0
    costs = [_apart(engine, size) for engine in options.engines.split(",")]
    print(f"{options.vectors} vectors of {options.dimension} numbers\n\n{table(costs)}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "stores.json").write_text(json.dumps([asdict(cost) for cost in costs], indent=1), encoding="utf-8")
    return 0


def _apart(engine: str, size: tuple[int, int, int]) -> Cost:
    numbers = ("--vectors", "--dimension", "--questions")
    sizes = [text for name, number in zip(numbers, size, strict=True) for text in (name, str(number))]
    command = [sys.executable, "-m", "benchmarks.stores", "--one", "--engines", engine, *sizes]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return Cost(**json.loads(said.splitlines()[-1]))


if __name__ == "__main__":
    sys.exit(main())
