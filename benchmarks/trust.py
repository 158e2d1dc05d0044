"""Fit how far meanings are to be trusted in a question (search/trust.py) on what both ways of searching found.

    python -m benchmarks.trust LEGS [--steps 500] [--seed 1]

LEGS is the folder that `benchmarks.fusion --legs` has written. A random search from the numbers as they are: a step is
kept where the mean gain over the better way of each set, less fifteen times what sets lose beyond 0.005, and a little
for large numbers, gets better. Prints the numbers for search/trust.py and what each set gains by them.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import django
import numpy as np

from benchmarks.fusion import LOSS, measured, one_leg
from benchmarks.legs import Asked, read

DEAR, PLAIN = 15.0, 0.0004  # a loss beyond LOSS, and a large number, beside a gain
STEP, SMALLEST, LARGEST = 0.3, 0.02, 0.6
DEPTH, FIRST = 10, 5


@dataclass(frozen=True)
class Question:
    """(items, 2) what each way gives to an item's score; the document of each; which documents are relevant, and how
    many are in all; the weight of meanings before trust (None: one way found nothing); what is seen, in spreads."""

    worth: np.ndarray
    document: np.ndarray
    relevant: np.ndarray
    total: int
    weight: float | None
    seen: np.ndarray


def question_of(asked: Asked) -> Question:
    from search.fuse import SCORES, Ranking, worth_of
    from search.retrieve import COVERAGE_POWER
    from search.settings.tuning import Tuning
    from search.trust import FITTED, USUAL, Look

    tuning = Tuning()
    legs = [Ranking.of((chunk, value) for _, chunk, value in leg) for leg in (asked.near, asked.hits)]
    documents = {chunk: document for document, chunk, _ in (*asked.near, *asked.hits)}
    items = sorted(documents, key=lambda item: (min(leg.places.get(item, len(documents) + 1) for leg in legs), item))
    constants = (tuning.rank_constant, SCORES)
    worth = [[worth_of(leg, item, *constants) if item in leg.places else 0.0 for leg in legs] for item in items]
    names = {document: place for place, document in enumerate(dict.fromkeys(documents[item] for item in items))}
    numbers = Look(**asked.look).numbers if asked.look else {name: mean for name, (mean, *_) in FITTED.items()}
    seen = [np.clip((numbers[name] - mean) / spread, -USUAL, USUAL) for name, (mean, spread, _) in FITTED.items()]
    return Question(
        np.array(worth or [[0.0, 0.0]]),
        np.array([names[documents[item]] for item in items] or [0]),
        np.array([asked.relevant.get(name, 0) > 0 for name in names] or [False]),
        sum(grade > 0 for grade in asked.relevant.values()),
        tuning.vector_weight * asked.coverage**COVERAGE_POWER if asked.look else None,
        np.array(seen),
    )


def found_by(question: Question, numbers: np.ndarray) -> tuple[float, float]:
    """Recall@5 and the reciprocal rank in the first ten."""
    from search.trust import MOST

    trust = np.exp(np.clip(numbers[0] + question.seen @ numbers[1:], -MOST, MOST))
    weight = 1.0 if question.weight is None else question.weight * trust
    scores = np.zeros(len(question.relevant))
    np.maximum.at(scores, question.document, question.worth @ np.array([weight, 1.0]))
    right = question.relevant[np.argsort(-scores, kind="stable")[:DEPTH]]
    first = np.flatnonzero(right)
    return right[:FIRST].sum() / max(1, question.total), 1 / (first[0] + 1) if len(first) else 0.0


def gains(sets: dict[str, list[Question]], better: dict[str, np.ndarray], numbers: np.ndarray) -> np.ndarray:
    """(sets, 2)"""
    return np.array(
        [np.mean([found_by(one, numbers) for one in each], axis=0) - better[name] for name, each in sets.items()]
    )


def worth(gained: np.ndarray, numbers: np.ndarray) -> float:
    return float(gained.mean() + DEAR * np.minimum(gained + LOSS, 0).mean() - PLAIN * np.abs(numbers[1:]).sum())


def fit(sets: dict[str, list[Question]], better: dict[str, np.ndarray], steps: int, seed: int) -> np.ndarray:
    from search.trust import CONSTANT, FITTED

    dice, step = np.random.default_rng(seed), STEP
    best = np.array([CONSTANT, *(weight for _, _, weight in FITTED.values())])
    most = worth(gains(sets, better, best), best)
    for _ in range(steps):
        tried = best + dice.normal(0, step, len(best)) * (dice.random(len(best)) < 0.6)
        if (gained := worth(gains(sets, better, tried), tried)) > most:
            best, most, step = tried, gained, min(step * 1.3, LARGEST)
        else:
            step = max(step * 0.96, SMALLEST)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("legs", type=Path)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kb.settings")
    django.setup()
    asked = {file.stem: read(file) for file in sorted(options.legs.glob("*.json"))}
    ways = measured(asked, one_leg("near")), measured(asked, one_leg("hits"))
    better = {name: np.maximum(*(way[name] for way in ways)) for name in asked}
    sets = {name: [question_of(one) for one in each] for name, each in asked.items()}
    numbers = fit(sets, better, options.steps, options.seed)
    gained = gains(sets, better, numbers)
    print("numbers", numbers.round(3).tolist(), "over the better way", gained.mean(axis=0).round(4))
    for name, (recall, rank) in zip(sets, gained, strict=True):
        print(f"{name:24}{recall:+.4f} recall@5 {rank:+.4f} MRR@10")


if __name__ == "__main__":
    main()
