"""Read question sets in BEIR's layout, and score rankings of documents against them."""

import gzip
import json
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MEASURES = ("recall@1", "recall@5", "recall@10", "MRR@10", "nDCG@10")


@dataclass(frozen=True)
class QuestionSet:
    """Documents {id: (title, text)}, questions {id: text}, and how relevant {question: {document: grade}} is."""

    name: str
    documents: dict[str, tuple[str, str]]
    questions: dict[str, str]
    relevant: dict[str, dict[str, int]]


def sets_in(folder: Path) -> list[str]:
    """The names of the sets that lie in a folder."""
    return sorted(part.name for part in folder.iterdir() if any(part.glob("qrels.tsv*")))


def read_set(folder: Path, *, most_documents: int, most_questions: int) -> QuestionSet:
    """A set, or an evenly drawn part of it that keeps every document which answers one of the drawn questions."""
    relevant = _relevant(folder)
    questions = {row["_id"]: row["text"] for row in rows_of(folder / "queries.jsonl") if row["_id"] in relevant}
    drawn = set(_drawn(questions, most_questions))
    needed = {document for question in drawn for document in relevant[question]}
    documents = {row["_id"]: (row.get("title", ""), row["text"]) for row in rows_of(folder / "corpus.jsonl")}
    others = _drawn([key for key in documents if key not in needed], max(0, most_documents - len(needed)))
    kept = needed | set(others)
    return QuestionSet(
        folder.name,
        {key: document for key, document in documents.items() if key in kept},
        {key: text for key, text in questions.items() if key in drawn},
        relevant,
    )


def score(ranking: Sequence[str], grades: dict[str, int]) -> tuple[float, ...]:
    """MEASURES of one ranking of documents; nDCG with linear gain."""
    gains = [grades.get(document, 0) for document in ranking]
    ideal = _dcg(sorted(grades.values(), reverse=True)[:10])
    reciprocal = next((1 / rank for rank, gain in enumerate(gains[:10], start=1) if gain), 0.0)
    recalls = (sum(gain > 0 for gain in gains[:k]) / len(grades) for k in (1, 5, 10))
    return (*recalls, reciprocal, _dcg(gains[:10]) / ideal)


def mean(scores: Iterable[tuple[float, ...]]) -> dict[str, float]:
    columns = zip(*scores, strict=True)
    return {name: round(sum(column) / len(column), 4) for name, column in zip(MEASURES, columns, strict=True)}


def _dcg(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def _drawn(keys: Iterable[str], most: int) -> list[str]:
    listed = sorted(keys)
    return random.Random(7).sample(listed, min(most, len(listed)))


def _relevant(folder: Path) -> dict[str, dict[str, int]]:
    relevant: dict[str, dict[str, int]] = {}
    for line in list(_lines(folder / "qrels.tsv"))[1:]:
        question, document, grade = line.split("\t")
        if int(grade) > 0:
            relevant.setdefault(question, {})[document] = int(grade)
    return relevant


def rows_of(file: Path) -> Iterator[dict]:
    """Of a file of JSON lines, or of the same one gzipped."""
    yield from (json.loads(line) for line in _lines(file))


def _lines(file: Path) -> Iterator[str]:
    """Those with something in them, of the file or of the same one gzipped."""
    packed = file.with_name(file.name + ".gz")
    with gzip.open(packed, "rt", encoding="utf-8") if packed.exists() else file.open(encoding="utf-8") as lines:
        yield from (line.rstrip("\n") for line in lines if line.strip())
