"""Which defaults of the search are best: chosen on half of the sets, measured on the other half.

    python -m benchmarks.defaults FOLDER [SET ...] [--documents N] [--questions N] [--data FOLDER] [--kept FOLDER]
        [--joined SET ...] [--lengths SET ...]

One number after the other is varied (candidates, passages of one document, folding, passage length), all else as it is
shipped, and every question is asked through the product's own retrieval, as chat asks it. A set counts by its
documents, a --joined one by the very places of the answers in documents made of its texts. Of the sets of --lengths an
index of each passage length is built as the product does it to compare them. --data is the folder of
benchmarks.quality; what was measured of a set is kept in --kept and not measured again. Times are without embedding
the question.
"""

import argparse
import json
import os
import random
import statistics
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.beir import read_set, sets_in
from benchmarks.quality import RESULTS, lectern
from benchmarks.spans import Quoted, read_quoted

CHANGES: dict[str, list[dict[str, Any]]] = {
    "candidates": [{"candidates": n} for n in (20, 50, 200)],
    "passages of one document": [{"passages_a_document": n} for n in (1, 2, 5, 100)],
    "folding": [{"fold": False}],
}
SHIPPED = "as shipped"
LENGTHS = (128, 192, 256)
MEASURED = ("recall@5", "mrr@10", "ndcg@10")
SPLITS = 60
Found = dict[str, dict[str, float]]  # variant: measure or "ms": its mean or median over a set's questions


def name_of(change: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in change.items())


def targets_by_document(base, questions) -> dict[str, tuple]:
    """What is to be found for each question: any passage of each document that answers it."""
    from search.evaluation.relevance import Place, Target

    rows = base.documents.values_list("pk", "name", "folder")
    keys = {name + folder: pk for pk, name, folder in rows}
    return {
        key: tuple(Target(grade, (Place(keys[one]),)) for one, grade in grades.items() if one in keys)
        for key, grades in questions.relevant.items()
        if key in questions.questions
    }


def targets_by_place(base, quoted: Quoted) -> dict[str, tuple]:
    """The same, of the answers' own places in the documents' texts."""
    from search.evaluation.relevance import Place, Target, text_of

    pks = {name + folder: pk for pk, name, folder in base.documents.values_list("pk", "name", "folder")}
    texts = {key: text_of(pk) for key, pk in pks.items()}
    found: dict[str, tuple] = {}
    for key, quotes in quoted.quotes.items():
        places = [
            Place(pks[one], start, start + len(answer))
            for one in quoted.questions.relevant[key]
            if one in pks
            for text, answer in quotes
            if (start := texts[one].find(answer, max(0, texts[one].find(text[:40])))) >= 0
        ]
        found[key] = tuple(Target(1, (place,)) for place in dict.fromkeys(places))
    return found


def asked(questions: dict[str, str], targets: dict[str, tuple], ways: dict[str, Callable]) -> Found:
    """Every question in every way, each in another order; a way is a retrieval of ten passages."""
    from search.evaluation.measures import Judged, measure
    from search.evaluation.relevance import ranks_of

    dice = random.Random(7)
    judged: dict[str, list[Judged]] = {way: [] for way in ways}
    took: dict[str, list[float]] = {way: [] for way in ways}
    for number, (key, text) in enumerate((key, text) for key, text in questions.items() if targets.get(key)):
        next(iter(ways.values()))(text)  # its vector is remembered from here on
        for way in dice.sample(list(ways), len(ways)):
            found = ways[way](text)
            grades = tuple(one.grade for one in targets[key])
            judged[way].append(Judged(number, grades, ranks_of(targets[key], found.passages)))
            took[way].append(found.milliseconds)
    values = {way: list(measure(rows).values()) for way, rows in judged.items()}
    return {
        way: {name: statistics.mean(one[name] for one in values[way]) for name in MEASURED}
        | {"ms": statistics.median(took[way])}
        for way in ways
    }


def ranking(base, questions: dict[str, str], targets: dict[str, tuple]) -> Found:
    """The numbers that take effect with the next question."""
    from search.retrieve import retrieve
    from search.settings.tuning import Tuning

    def way(tuning: Tuning) -> Callable:
        return lambda text: retrieve(text, knowledge_bases=[base], limit=10, tuning=tuning)

    changes = [change for some in CHANGES.values() for change in some]
    ways = {SHIPPED: way(Tuning())} | {name_of(change): way(replace(Tuning(), **change)) for change in changes}
    return asked(questions, targets, ways)


def lengths(base, questions: dict[str, str], targets: dict[str, tuple]) -> Found:
    """Passage lengths, by indexes that are built to be measured."""
    from ingestion.embed import embed_missing
    from ingestion.purge import purge_deleted
    from search.evaluation.jobs import cancel
    from search.evaluation.lengths import compare_lengths, plan, retire_trials
    from search.models import Index
    from search.retrieve import retrieve

    run = compare_lengths(plan(base, LENGTHS), base)
    embed_missing()
    indexes = [run.index, *Index.objects.filter(trial=run).select_related("chunking", "preset")]
    assert all(index.built_at or index == run.index for index in indexes), "An index was not built."

    def way(index: Index) -> Callable:
        return lambda text: retrieve(text, knowledge_bases=[base], limit=10, indexes=[index])

    ways = {SHIPPED if index == run.index else f"{index.chunking.tokens} tokens": way(index) for index in indexes}
    try:
        return asked(questions, targets, ways)
    finally:
        cancel(run)
        retire_trials()
        purge_deleted()


def measured(kept: Path, name: str, ask: Callable[[], Found]) -> Found:
    """Of a set, or what is kept of it."""
    file = kept / f"{name.replace(' ', '_')}.json"
    if not file.exists():
        kept.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(ask(), indent=1) + "\n", encoding="utf-8")
        print(f"measured: {name}", flush=True)
    return json.loads(file.read_text(encoding="utf-8"))


def gains(sets: dict[str, Found], variant: str, names: Iterable[str]) -> np.ndarray:
    """(n, 3): over what is shipped, by set and measure."""
    return np.array([[sets[name][variant][one] - sets[name][SHIPPED][one] for one in MEASURED] for name in names])


def held_out(sets: dict[str, Found], variants: Sequence[str]) -> np.ndarray:
    """(3,): what the variant that is best on one half of the sets gains on the other half, over what is shipped."""
    names, dice = sorted(sets), random.Random(7)
    found = []
    for _ in range(SPLITS):
        chosen_on = dice.sample(names, len(names) // 2)
        best = max([SHIPPED, *variants], key=lambda one: gains(sets, one, chosen_on).mean())
        found.append(gains(sets, best, [name for name in names if name not in chosen_on]).mean(axis=0))
    return np.mean(found, axis=0)


def show(title: str, sets: dict[str, Found]) -> None:
    """A table of the variants: means over the sets, gains over what is shipped, the worst set, the time."""
    if not sets:
        return
    variants = [one for one in next(iter(sets.values())) if one != SHIPPED]
    print(f"\n{title}: {len(sets)} sets ({', '.join(sorted(sets))})\n")
    print("| | " + " | ".join(MEASURED) + " | gain | worst set | time |\n|---|---|---|---|---|---|---|")
    for variant in (SHIPPED, *variants):
        means = [statistics.mean(found[variant][one] for found in sets.values()) for one in MEASURED]
        gained = gains(sets, variant, sorted(sets)).mean(axis=1)
        slower = statistics.median(found[variant]["ms"] / found[SHIPPED]["ms"] for found in sets.values())
        told = " | ".join(f"{value:.4f}" for value in means)
        print(f"| {variant} | {told} | {gained.mean():+.4f} | {gained.min():+.4f} | {slower:.2f} |")
    groups = {name: [name_of(one) for one in some] for name, some in CHANGES.items()}
    for name, some in groups.items() if len(variants) > len(LENGTHS) else {"passage length": variants}.items():
        told = ", ".join(f"{value:+.4f}" for value in held_out(sets, some))
        print(f"\n{name}, chosen on half of the sets: the other half gains {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", default=os.environ.get("KB_BENCH_DATA"), help="the folder of the sets")
    parser.add_argument("sets", nargs="*", help="their names; none: all; -: none")
    parser.add_argument("--joined", nargs="*", default=[], help="sets that are measured by the places of the answers")
    parser.add_argument("--lengths", nargs="*", default=[], help="of the sets, or of those of --joined, too")
    parser.add_argument("--documents", type=int, default=1500, help="of a set at the most")
    parser.add_argument("--questions", type=int, default=100, help="of a set at the most")
    parser.add_argument("--data", type=Path, help="the data folder, kept")
    parser.add_argument("--kept", type=Path, default=RESULTS / "defaults", help="where what was measured is kept")
    options = parser.parse_args()
    if not options.folder:
        parser.error("name the folder of the question sets, or set KB_BENCH_DATA")
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as temporary, lectern(options.data or Path(temporary)):
        by_document, by_place, by_length = _measure_all(options)
    show("By documents", by_document)
    show("By the places of answers", by_place)
    show("Passage lengths", by_length)


def _measure_all(options: argparse.Namespace) -> tuple[dict[str, Found], dict[str, Found], dict[str, Found]]:
    from benchmarks.shelf import shelve

    folder, by_document, by_place, by_length = Path(options.folder), {}, {}, {}
    for name in [] if options.sets == ["-"] else options.sets or sets_in(folder):
        drawn = read_set(folder / name, most_documents=options.documents, most_questions=options.questions)

        def ask(how: Callable, drawn=drawn) -> Found:
            base = shelve(drawn)
            return how(base, drawn.questions, targets_by_document(base, drawn))

        by_document[name] = measured(options.kept, name, lambda ask=ask: ask(ranking))
        if name in options.lengths:
            by_length[name] = measured(options.kept, f"{name} lengths", lambda ask=ask: ask(lengths))
    for name in options.joined:
        quoted = read_quoted(folder / name, most_questions=options.questions)

        def ask_places(how: Callable, quoted=quoted) -> Found:
            base = shelve(quoted.questions)
            return how(base, quoted.questions.questions, targets_by_place(base, quoted))

        by_place[name] = measured(options.kept, f"{name} places", lambda ask=ask_places: ask(ranking))
        if name in options.lengths:
            by_length[f"{name} places"] = measured(
                options.kept, f"{name} places lengths", lambda ask=ask_places: ask(lengths)
            )
    return by_document, by_place, by_length


if __name__ == "__main__":
    main()
