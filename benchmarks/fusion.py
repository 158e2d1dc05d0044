"""Which way of fusing the two rankings is best: chosen on half of the sets, measured on the other half.

    python -m benchmarks.fusion FOLDER [SET ...] [--documents N] [--questions N] [--data FOLDER] [--legs FOLDER]

Both ways of searching are asked once a question, in a Lectern as benchmarks.quality has one (its --data is taken as it
is), and what they found is kept in the folder of --legs; then every variant is tried over that. A variant is worth
what it gains over the better of the two ways, set by set, in recall@5 and MRR@10, less what it loses beyond 0.005.
"""

import argparse
import itertools
import os
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import django
import numpy as np

from benchmarks.beir import read_set, score, sets_in
from benchmarks.legs import Asked, legs_of, read

LOSS = 0.005  # that a set may have by chance
DEAR = 3.0  # times as much as a gain counts what is lost beyond that
SPLITS = 60
MEASURED = (1, 3)  # of benchmarks.beir.MEASURES: recall@5 and MRR@10


@dataclass(frozen=True, order=True)
class Variant:
    """The constant of reciprocal rank fusion, the weight of meanings, and which part of a share goes by scores."""

    k: int
    vector: float
    scores: float


VARIANTS = [Variant(*values) for values in itertools.product((5, 20, 60), (0.3, 0.5, 0.7, 1.0), (0.0, 0.5, 1.0))]
Measured = dict[str, np.ndarray]  # of a set: (2,) recall@5 and MRR@10


def fused(variant: Variant) -> Callable[[Asked], list[str]]:
    """The documents in the order of the product's own fusion."""
    from search.fuse import Ranking, fuse
    from search.retrieve import COVERAGE_POWER
    from search.trust import Look, trust_in_meanings

    def order(asked: Asked) -> list[str]:
        documents = {chunk: document for document, chunk, _ in (*asked.near, *asked.hits)}
        near, hits = (Ranking.of((chunk, value) for _, chunk, value in leg[:100]) for leg in (asked.near, asked.hits))
        trust = trust_in_meanings(Look(**asked.look)) if asked.look else 1.0
        weight = variant.vector * asked.coverage**COVERAGE_POWER * trust if asked.near and asked.hits else 1.0
        found = fuse({"vector": near, "keyword": hits}, {"vector": weight}, k=variant.k, scores=variant.scores)
        return list(dict.fromkeys(documents[one.item] for one in found))

    return order


def one_leg(name: str) -> Callable[[Asked], list[str]]:
    return lambda asked: list(dict.fromkeys(document for document, _, _ in getattr(asked, name)))


def measured(sets: dict[str, list[Asked]], order: Callable[[Asked], list[str]]) -> Measured:
    """The means of each set."""
    return {
        name: np.mean([[score(order(one), one.relevant)[place] for place in MEASURED] for one in asked], axis=0)
        for name, asked in sets.items()
    }


def gains(found: Measured, vector: Measured, keyword: Measured, names: Sequence[str]) -> np.ndarray:
    """(n, 2): over the better of the two ways, by set and measure."""
    return np.array([found[name] - np.maximum(vector[name], keyword[name]) for name in names])


def worth(gained: np.ndarray) -> float:
    return float(gained.mean() + DEAR * np.minimum(gained + LOSS, 0).mean())


def cross_validated(tried: dict[Variant, Measured], vector: Measured, keyword: Measured) -> tuple[np.ndarray, float]:
    """The mean gain (2,) on sets that had no part in the choice, and how many of them lost more than they may."""
    names, dice = sorted(vector), random.Random(7)
    held_out = []
    for _ in range(SPLITS):
        chosen_on = dice.sample(names, len(names) // 2)
        rest = [name for name in names if name not in chosen_on]
        best = max(sorted(tried), key=lambda one: worth(gains(tried[one], vector, keyword, chosen_on)))
        held_out.append(gains(tried[best], vector, keyword, rest))
    lost = np.mean([(gained < -LOSS).any(axis=1).mean() for gained in held_out])
    return np.mean([gained.mean(axis=0) for gained in held_out], axis=0), float(lost)


def show(sets: dict[str, list[Asked]]) -> None:
    vector, keyword = measured(sets, one_leg("near")), measured(sets, one_leg("hits"))
    tried = {variant: measured(sets, fused(variant)) for variant in VARIANTS}
    names = sorted(sets)
    print(f"{len(names)} sets, {sum(map(len, sets.values()))} questions; gains over the better way of each set\n")
    print("| k | weight of meanings | part of scores | recall@5 | MRR@10 | worst recall@5 | worst MRR@10 |")
    print("|---|---|---|---|---|---|---|")
    for variant in sorted(tried, key=lambda one: -worth(gains(tried[one], vector, keyword, names))):
        gained = gains(tried[variant], vector, keyword, names)
        told = " | ".join(f"{number:+.4f}" for number in (*gained.mean(axis=0), *gained.min(axis=0)))
        print(f"| {variant.k} | {variant.vector} | {variant.scores} | {told} |")
    for scores in (0.0, 0.5, 1.0):
        of_kind = {variant: found for variant, found in tried.items() if variant.scores == scores}
        gained, lost = cross_validated(of_kind, vector, keyword)
        print(f"\npart of scores {scores}, chosen on half of the sets: the other half gains {gained[0]:+.4f} recall@5, "
              f"{gained[1]:+.4f} MRR@10; {lost:.0%} of its sets lose more than {LOSS}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", default=os.environ.get("KB_BENCH_DATA"), help="the folder of the sets")
    parser.add_argument("sets", nargs="*", help="their names; none: all")
    parser.add_argument("--documents", type=int, default=1500, help="of a set at the most")
    parser.add_argument("--questions", type=int, default=200, help="of a set at the most")
    parser.add_argument("--data", type=Path, help="the data folder, kept")
    parser.add_argument("--legs", type=Path, help="where what the two ways found is kept; there already: not asked")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lectern-fusion-") as temporary:
        show(_sets(options, Path(temporary)))


def _sets(options: argparse.Namespace, temporary: Path) -> dict[str, list[Asked]]:
    from benchmarks.quality import lectern

    legs = options.legs or temporary / "legs"
    if not options.folder:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kb.settings")
        os.environ["KB_DATA"] = str(temporary / "data")
        django.setup()
        return {file.stem: read(file) for file in sorted(legs.glob("*.json"))}
    folder = Path(options.folder)
    chosen = options.sets or sets_in(folder)
    drawn = {"most_documents": options.documents, "most_questions": options.questions}
    with lectern(options.data or temporary / "data"):
        return {name: legs_of(read_set(folder / name, **drawn), legs) for name in chosen}


if __name__ == "__main__":
    main()
