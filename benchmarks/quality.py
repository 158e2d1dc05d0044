"""How well questions find the documents that answer them: by meaning, by words, and by both.

    python -m benchmarks.quality FOLDER [SET ...] [--documents N] [--questions N] [--data FOLDER] [--markdown]

FOLDER (or KB_BENCH_DATA) holds sets in BEIR's layout: SET/corpus.jsonl, queries.jsonl, qrels.tsv. Each becomes a
knowledge base of a Lectern in a temporary data folder, with a Chroma server of its own; --data keeps that folder, and
what is embedded in it is not embedded again. Prints a table and writes benchmarks/results/quality.json.
"""

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.beir import MEASURES, mean, read_set, score, sets_in

RESULTS = Path(__file__).parent / "results"
MODES = ("vector", "keyword", "hybrid")
MOST_LOST = 0.005  # by chance, of a set
PASSAGES = 30  # a question, out of which the first ten documents are taken


@contextmanager
def lectern(data: Path) -> Iterator[None]:
    """Django on this data folder, a Chroma server, and the query lane in this process."""
    from tests.search.chroma_server import ChromaServer

    chroma = ChromaServer(data / "chroma")
    os.environ.update(KB_DATA=str(data), KB_CHROMA_URL=chroma.url, KB_LOG_LEVEL="WARNING")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kb.settings")
    chroma.start()
    try:
        _prepare()
        yield
    finally:
        chroma.stop()


def _prepare() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from search import lane_server
    from search.embedders.loaded import loaded
    from search.presets.chosen import default_preset

    loaded(default_preset())
    lane_server.start()


def measure(folder: Path, most_documents: int, most_questions: int) -> dict:
    """The scores of a set, a mode each, with the milliseconds of a question."""
    from benchmarks.shelf import shelve

    questions = read_set(folder, most_documents=most_documents, most_questions=most_questions)
    knowledge_base = shelve(questions)
    result = {mode: _scores(questions, knowledge_base, mode) for mode in MODES}
    return {"documents": len(questions.documents), "questions": len(questions.questions), **result}


def _scores(questions, knowledge_base, mode: str) -> dict:
    from search.retrieve import retrieve

    rows = knowledge_base.documents.values_list("pk", "name", "folder")
    keys = {pk: name + folder for pk, name, folder in rows}  # as the shelf put the set's own ids there
    scores, times = [], []
    for key, text in questions.questions.items():
        found = retrieve(text, knowledge_bases=[knowledge_base], mode=mode, limit=PASSAGES)
        named = (pk for each in found.passages for pk in (each.document_id, *(t.document_id for t in each.also_in)))
        ranking = list(dict.fromkeys(keys[pk] for pk in named))
        scores.append(score(ranking, questions.relevant[key]))
        times.append(found.milliseconds)
    return mean(scores) | {"ms p50": round(statistics.median(times), 1)}


def show(results: dict[str, dict]) -> None:
    columns = (*MEASURES, "ms p50")
    print(f"{'set':24}{'mode':9}" + "".join(f"{column:>11}" for column in columns))
    for name, result in results.items():
        for mode in MODES:
            print(f"{name:24}{mode:9}" + "".join(f"{result[mode][column]:>11}" for column in columns))


def show_markdown(results: dict[str, dict]) -> None:
    """The two measures that a reader of the README wants, of the three ways, and their means."""
    print("| set | documents | recall@5 vector | keyword | **hybrid** | MRR@10 vector | keyword | **hybrid** |")
    print("|---|---|---|---|---|---|---|---|")
    rows = {
        name: [result[mode][m] for m in ("recall@5", "MRR@10") for mode in MODES] for name, result in results.items()
    }
    for name, row in rows.items():
        print(f"| {name} | {results[name]['documents']:,} | " + _cells(row))
    print("| **mean** | | " + _cells([statistics.mean(column) for column in zip(*rows.values(), strict=True)]))
    for name, row in rows.items():
        short = round(min(row[2] - max(row[0], row[1]), row[5] - max(row[3], row[4])), 4)
        if short < -MOST_LOST:
            print(f"\n{name}: hybrid is {-short:.3f} below the better of the two.")


def _cells(row: list[float]) -> str:
    return (
        " | ".join(f"**{value:.3f}**" if place in (2, 5) else f"{value:.3f}" for place, value in enumerate(row)) + " |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", default=os.environ.get("KB_BENCH_DATA"), help="the folder of the sets")
    parser.add_argument("sets", nargs="*", help="their names; none: all")
    parser.add_argument("--documents", type=int, default=2500, help="of a set at the most")
    parser.add_argument("--questions", type=int, default=300, help="of a set at the most")
    parser.add_argument("--data", type=Path, help="keep the data folder here")
    parser.add_argument("--markdown", action="store_true", help="print the README's table")
    options = parser.parse_args()
    if not options.folder:
        parser.error("name the folder of the question sets, or set KB_BENCH_DATA")
    folder = Path(options.folder)
    chosen = options.sets or sets_in(folder)
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as temporary, lectern(options.data or Path(temporary)):
        results = {name: measure(folder / name, options.documents, options.questions) for name in chosen}
    (show_markdown if options.markdown else show)(results)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "quality.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
