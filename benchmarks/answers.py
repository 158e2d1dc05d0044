"""How often the extractive answer holds the true one, and how often a question that nothing answers is refused.

    python -m benchmarks.answers FOLDER SET [SET ...] [--documents N] [--questions N] [--data FOLDER]

FOLDER holds sets in BEIR's layout with SET/answers.jsonl. Each set becomes a knowledge base; it is asked its own
questions, and as many of the other sets', which it should refuse. Prints a table and writes
benchmarks/results/answers.json.
"""

import argparse
import json
import re
import statistics
import tempfile
import time
import unicodedata
from pathlib import Path

from benchmarks.beir import QuestionSet, read_set
from benchmarks.quality import lectern

RESULTS = Path(__file__).parent / "results"
NUMBER = re.compile(r" \[\d+\]")
COLUMNS = ("asked", "answered", "holds the answer", "sentences", "characters", "foreign", "refused", "ms p50")


def bare(text: str) -> str:
    """Letters and digits alone, so that punctuation and markup do not count."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


def true_answers(folder: Path) -> dict[str, list[str]]:
    lines = (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    rows = (json.loads(line) for line in lines if line.strip())
    return {row["_id"]: [bare(str(one)) for one in row.get("answers") or []] for row in rows}


def measure(own: QuestionSet, answers: dict[str, list[str]], foreign: list[str], knowledge_base) -> dict:
    from search.ask import answer_once

    held, texts, times = [], [], []
    for key, question in own.questions.items():
        begun = time.perf_counter()
        answer = answer_once(question, knowledge_bases=[knowledge_base])
        times.append((time.perf_counter() - begun) * 1000)
        texts.append(answer.answer)
        if answers.get(key):
            held.append(any(one in bare(answer.answer) for one in answers[key]))
    refused = [not answer_once(question, knowledge_bases=[knowledge_base]).is_answered for question in foreign]
    given = [text for text in texts if text]
    values = (
        len(texts), len(given) / len(texts), _mean(held), _mean([_sentences(text) for text in given]),
        _mean([len(text) for text in given]), len(foreign), _mean(refused), statistics.median(times),
    )  # fmt: skip
    return {name: round(value, 3) for name, value in zip(COLUMNS, values, strict=True)}


def _sentences(text: str) -> int:
    from search.sentences import split_sentences

    return len(split_sentences(NUMBER.sub("", text)))


def _mean(values: list) -> float:
    return sum(values) / len(values) if values else 0.0


def show(results: dict[str, dict]) -> None:
    print(f"{'set':<20}" + "".join(f"{name:>18}" for name in COLUMNS))
    for name, row in results.items():
        print(f"{name:<20}" + "".join(f"{row[column]:>18}" for column in COLUMNS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--data", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, lectern(chosen.data or Path(temporary)):
        from benchmarks.shelf import shelve

        sets = {
            name: read_set(chosen.folder / name, most_documents=chosen.documents, most_questions=chosen.questions)
            for name in chosen.sets
        }
        results = {}
        for name, own in sets.items():
            others = [list(other.questions.values()) for key, other in sets.items() if key != name]
            share = chosen.questions // max(1, len(others))
            foreign = [question for questions in others for question in questions[:share]]
            results[name] = measure(own, true_answers(chosen.folder / name), foreign, shelve(own))
            print(name, results[name], flush=True)
    show(results)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "answers.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
