"""What the keyword index costs, and how well it ranks several knowledge bases as one.

    python -m benchmarks.keywords [--passages 100000] [--indexes 100] [--questions 200] [FOLDER [SET ...]]

Passages are made up, with words as rare and as frequent as in a language: once all in one index, once spread over many
that are asked together. CPU time is that of this process. With a FOLDER of question sets in BEIR's layout, the sets are
put in as a knowledge base each, and every question is asked of all of them together. Prints tables.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import django
import numpy as np

from benchmarks.beir import MEASURES, QuestionSet, mean, read_set, score

BATCH = 1000
WORDS = 150  # in a passage
VOCABULARY = 50_000
ASKED = 8  # words of a question
PASSAGE = 1000  # characters of a document's passages
SETS = ("xquad_en", "xquad_zh", "product_docs_100", "cmrc2018_trial")


def texts(count: int, words: int, *, seed: int) -> Iterator[str]:
    """Made-up texts: the n-th word of the vocabulary comes as often as 1/n of the first (Zipf)."""
    dice = np.random.default_rng(seed)
    shares = 1 / np.arange(1, VOCABULARY + 1)
    up_to = np.cumsum(shares / shares.sum())
    vocabulary = np.array([_letters(number) for number in range(VOCABULARY)])
    for _ in range(count):
        yield " ".join(vocabulary[np.searchsorted(up_to[:-1], dice.random(words))])


def _letters(number: int) -> str:
    """A word of its own for each number, without digits, which would be cut apart."""
    return "".join(chr(ord("b") + int(digit)) for digit in f"{number:05d}")


def cost(spread: int, passages: int, questions: int) -> tuple[str, ...]:
    """A row of the table: so many passages, evenly in so many indexes that are asked together."""
    from search.keywords import Entry
    from search.keywords.tantivy import TantivyIndex

    folder = Path(tempfile.mkdtemp(prefix="keywords-"))
    keywords, each = TantivyIndex(folder), passages // spread
    entries = [Entry(n, uuid4(), 1 + n // each, "", "", text) for n, text in enumerate(texts(passages, WORDS, seed=1))]
    begun = time.process_time()
    for first in range(0, passages, min(BATCH, each)):
        keywords.add(entries[first : first + min(BATCH, each)])
    added = (time.process_time() - begun) * 1000 / passages
    asked, indexes = list(texts(questions, ASKED, seed=2)), list(range(1, spread + 1))
    alone = _asked(keywords, asked, indexes[:1])
    together = _asked(keywords, asked, indexes)
    again = _asked(keywords, asked, indexes)
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    files = sum(path.is_file() for path in folder.rglob("*"))
    return (f"{spread} x {each}", f"{added:.2f}", f"{alone:.2f}", f"{together:.2f}", f"{again:.2f}", f"{disk:.0f}",
            str(files), f"{_memory():.0f}")  # fmt: skip


def _asked(keywords, questions: list[str], indexes: list[int]) -> float:
    begun = time.process_time()
    for question in questions:
        keywords.best(question, indexes=indexes, limit=50)
    return (time.process_time() - begun) * 1000 / len(questions)


def _memory() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")) / 1000


def quality(sets: list[QuestionSet]) -> None:
    """Every set is a knowledge base of its own."""
    from search.keywords.tantivy import TantivyIndex

    keywords = TantivyIndex(Path(tempfile.mkdtemp(prefix="keywords-")))
    named = _shelved(keywords, sets)
    everything = list(range(1, len(sets) + 1))
    print(f"\n| set | asked | {' | '.join(MEASURES)} |\n|---|---|{'---|' * len(MEASURES)}")
    for number, one in enumerate(sets, start=1):
        for how, indexes in (("alone", [number]), ("with the others", everything)):
            figures = _measured(keywords, one, named, indexes)
            print(f"| {one.name} | {how} | {' | '.join(f'{figure:.4f}' for figure in figures.values())} |")


def _shelved(keywords, sets: list[QuestionSet]) -> dict[int, tuple[str, str]]:
    """Put in, a set an index; returns the set and the document of each chunk."""
    from search.keywords import Entry

    named: dict[int, tuple[str, str]] = {}
    for number, one in enumerate(sets, start=1):
        entries = []
        for key, (title, text) in one.documents.items():
            for first in range(0, len(text), PASSAGE):
                named[len(named) + 1] = (one.name, key)
                entries.append(Entry(len(named), uuid4(), number, title, "", text[first : first + PASSAGE]))
        keywords.add(entries)
    return named


def _measured(keywords, one: QuestionSet, named: dict[int, tuple[str, str]], indexes: list[int]) -> dict[str, float]:
    """A document of another set is as wrong as any."""
    scores = []
    for key, question in one.questions.items():
        hits = keywords.best(question, indexes=indexes, limit=50)
        found = dict.fromkeys(named[hit.chunk_id] for hit in hits)
        scores.append(score([document if name == one.name else "" for name, document in found], one.relevant[key]))
    return mean(scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=os.environ.get("KB_BENCH_DATA"))
    parser.add_argument("sets", nargs="*", metavar="SET")
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--indexes", type=int, default=100)
    parser.add_argument("--questions", type=int, default=200)
    options = parser.parse_args()
    os.environ.setdefault("KB_DATA", tempfile.mkdtemp(prefix="keywords-data-"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kb.settings")
    django.setup()
    if options.passages:
        print("| indexes x passages | add CPU-ms | ask one | ask all, first | ask all | disk MB | files | memory MB |")
        print("|---|---|---|---|---|---|---|---|")
        for spread in (1, options.indexes):
            print(f"| {' | '.join(cost(spread, options.passages, options.questions))} |", flush=True)
    if options.folder:
        drawn = {"most_documents": 10_000, "most_questions": 1000}
        quality([read_set(options.folder / name, **drawn) for name in options.sets or SETS])


if __name__ == "__main__":
    main()
