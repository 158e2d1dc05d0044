"""Whether looking at whole documents helps to find the right ones: rankings with and without them.

    python -m benchmarks.documents FOLDER [SET ...] [--documents N] [--questions N] [--data FOLDER]

FOLDER (or KB_BENCH_DATA) and --data are those of benchmarks.quality. Both legs of a hybrid search, and the documents
that the question is about, are asked once a question; then they are fused with every weight. Prints for every set how
often the first document is a right one (hit@1), which share of the right documents ten passages come from, and nDCG@10,
and writes benchmarks/results/documents.json.
"""

import argparse
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.beir import read_set, score, sets_in
from benchmarks.quality import RESULTS, lectern

WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
CANDIDATES, DOCUMENTS, PASSAGES = 100, 30, 10


@dataclass(frozen=True)
class Asked:
    """What each way found for a question: chunk ids, and documents with their places."""

    near: list[int]
    words: list[int]
    meaning: float  # the weight of the vector leg
    documents: dict
    of: dict  # chunk: document


def measure(folder: Path, most_documents: int, most_questions: int) -> dict:
    """{weight or "alone": {"hit@1", "recall@10", "nDCG@10"}}; "alone" ranks by whole documents and nothing else."""
    from benchmarks.shelf import shelve

    questions = read_set(folder, most_documents=most_documents, most_questions=most_questions)
    knowledge_base = shelve(questions)
    rows = knowledge_base.documents.values_list("pk", "name", "folder")
    keys = {pk: name + folder for pk, name, folder in rows}
    asked = {key: _ask(text, knowledge_base) for key, text in questions.questions.items()}
    rankings = {str(weight): {key: ranked(one, weight) for key, one in asked.items()} for weight in WEIGHTS}
    rankings["alone"] = {key: list(one.documents) for key, one in asked.items()}
    return {
        "documents": len(questions.documents),
        "questions": len(questions.questions),
        "chunks a document": round(_chunks_a_document(knowledge_base), 1),
        **{name: _scores(ranking, keys, questions.relevant) for name, ranking in rankings.items()},
    }


def _ask(text: str, knowledge_base) -> Asked:
    from kb.models import Chunk
    from search.coverage import coverage
    from search.generations.current import serving_index
    from search.keywords import open_keywords
    from search.nearest import nearest_chunks
    from search.retrieve import COVERAGE_POWER
    from search.route import documents_about
    from search.settings.tuning import Tuning

    index = serving_index(knowledge_base)
    near = [one.chunk_id for one in nearest_chunks(text, [index], CANDIDATES).neighbours]
    words = [hit.chunk_id for hit in open_keywords().best(text, indexes=[index.pk], limit=CANDIDATES)]
    of = dict(Chunk.objects.filter(pk__in={*near, *words}).values_list("pk", "document_id"))
    meaning = Tuning().vector_weight * coverage(index.preset, text) ** COVERAGE_POWER
    documents = {hit.document_id: hit.rank for hit in documents_about(text, [index], DOCUMENTS)}
    return Asked(near, words, meaning, documents, of)


def ranked(asked: Asked, weight: float) -> list:
    """Documents in the order of their best passages, by reciprocal ranks: of meaning, of words, of whole documents.

    The document leg is trusted as far as the vector leg is, as the same model made both.
    """
    from search.settings.tuning import Tuning

    k, full = Tuning().rank_constant, Tuning().vector_weight
    scores = dict.fromkeys(asked.of, 0.0)
    for legs, share in ((asked.near, asked.meaning if asked.words else 1.0), (asked.words, 1.0)):
        for rank, chunk in enumerate(legs, start=1):
            if chunk in scores:
                scores[chunk] += share / (k + rank)
    for chunk, document in asked.of.items():
        if document in asked.documents:
            scores[chunk] += weight * asked.meaning / full / (k + asked.documents[document])
    passages = [asked.of[chunk] for chunk in sorted(scores, key=lambda chunk: (-scores[chunk], chunk))]
    return list(dict.fromkeys(_in_turn(passages)))


def _in_turn(documents: list) -> list:
    from search.settings.tuning import Tuning

    seen: dict = {}
    within, beyond = [], []
    for document in documents:
        seen[document] = seen.get(document, 0) + 1
        (within if seen[document] <= Tuning().passages_a_document else beyond).append(document)
    return (within + beyond)[:PASSAGES]


def _scores(rankings: dict, keys: dict, relevant: dict) -> dict[str, float]:
    rows = [score([keys[one] for one in ranking], relevant[key]) for key, ranking in rankings.items()]
    hits = [float(bool(ranking) and keys[ranking[0]] in relevant[key]) for key, ranking in rankings.items()]
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    return {"hit@1": round(sum(hits) / len(hits), 4), "recall@10": round(mean[2], 4), "nDCG@10": round(mean[4], 4)}


def _chunks_a_document(knowledge_base) -> float:
    from kb.models import Chunk

    chunks = Chunk.objects.filter(document__knowledge_base=knowledge_base).count()
    return chunks / max(1, knowledge_base.documents.count())


def show(results: dict[str, dict]) -> None:
    names = [*map(str, WEIGHTS), "alone"]
    for measured in ("hit@1", "recall@10", "nDCG@10"):
        print(f"\n{measured:24}" + "".join(f"{name:>9}" for name in names))
        for name, result in results.items():
            print(f"{name:24}" + "".join(f"{result[weight][measured]:>9}" for weight in names))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", default=os.environ.get("KB_BENCH_DATA"), help="the folder of the sets")
    parser.add_argument("sets", nargs="*", help="their names; none: all")
    parser.add_argument("--documents", type=int, default=1500, help="of a set at the most")
    parser.add_argument("--questions", type=int, default=300, help="of a set at the most")
    parser.add_argument("--data", type=Path, help="keep the data folder here")
    options = parser.parse_args()
    if not options.folder:
        parser.error("name the folder of the question sets, or set KB_BENCH_DATA")
    folder = Path(options.folder)
    chosen = options.sets or sets_in(folder)
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as temporary, lectern(options.data or Path(temporary)):
        results = {name: measure(folder / name, options.documents, options.questions) for name in chosen}
    show(results)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "documents.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
