"""How good rankings are: recall, reciprocal rank and nDCG a question, their means, and how sure these are.

The measures are those of ir_measures. ir_measures and scipy are imported where they are used, as the pages that only
show what was measured need neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

DEPTH = 10  # passages of a ranking that count
MEASURES = {  # by the names of this product: those of ir_measures
    "recall@1": "R@1",
    "recall@3": "R@3",
    "recall@5": "R@5",
    "recall@10": "R@10",
    "hit@5": "Success@5",
    "mrr@10": "RR@10",
    "ndcg@10": "nDCG@10",
}
TITLES = {"mrr@10": "MRR@10", "ndcg@10": "nDCG@10"}  # how some are written
FEW = 30  # questions: with fewer, resampling them says too little of those that were not asked
RESAMPLES = 2000
Z = 1.96  # a normal deviate: 95 of 100 lie within it
SEED = 20  # the same figures every time


@dataclass(frozen=True)
class Judged:
    """What a ranking did for one question: each relevant thing's grade, and at which place (from 1) it was found."""

    question: int
    grades: tuple[int, ...]
    ranks: tuple[int | None, ...]


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        """Rounded to what can be shown."""
        return {name: round(getattr(self, name), 4) for name in ("value", "low", "high")}


def measure(judged: Sequence[Judged]) -> dict[int, dict[str, float]]:
    """Every measure of every question, from 0 to 1."""
    import ir_measures

    names = {ir_measures.parse_measure(theirs): ours for ours, theirs in MEASURES.items()}
    qrels = [
        ir_measures.Qrel(str(one.question), f"r{place}", grade)
        for one in judged
        for place, grade in enumerate(one.grades)
    ]
    run = [scored for one in judged for scored in _ranking(one)]
    values: dict[int, dict[str, float]] = {one.question: dict.fromkeys(MEASURES, 0.0) for one in judged}
    for found in ir_measures.iter_calc(list(names), qrels, run):
        values[int(found.query_id)][names[found.measure]] = round(float(found.value), 6)
    return values


def _ranking(one: Judged) -> list:
    """The ranking as ir_measures reads it. Where a passage holds two relevant things, the second takes the place of
    the next passage that holds none, so that everything behind keeps its place."""
    import ir_measures

    places: dict[int, str] = {}
    for rank, relevant in sorted((rank, number) for number, rank in enumerate(one.ranks) if rank is not None):
        place = max(rank, max(places, default=0) + 1)
        places[place] = f"r{relevant}"
    deepest = max(places, default=1)
    return [
        ir_measures.ScoredDoc(str(one.question), places.get(place, f"x{place}"), float(-place))
        for place in range(1, deepest + 1)
    ]


def means(values: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Measure -> {"value", "low", "high"} over the questions, of which there must be one at least."""
    return {name: interval([one[name] for one in values]).as_json() for name in MEASURES}


def interval(values: Sequence[float]) -> Interval:
    """The mean of values from 0 to 1, and where it would lie for 95 of 100 sets of such questions.

    From 30 questions on by the bootstrap over questions (percentiles of 2,000 resamples). With fewer, and where all
    are the same, by Wilson's interval for proportions, which is too wide rather than too narrow here: among values
    from 0 to 1 with one mean, those that are 0 or 1 vary most. Twenty questions, all found, give .84 to 1.
    """
    data = np.asarray(values, dtype=float)
    if len(data) < FEW or np.ptp(data) == 0:
        return _wilson(float(data.mean()), len(data))
    from scipy.stats import bootstrap

    found = bootstrap(
        (data,), np.mean, n_resamples=RESAMPLES, batch=100, method="percentile", rng=np.random.default_rng(SEED)
    ).confidence_interval
    return Interval(float(data.mean()), float(found.low), float(found.high))


def _wilson(mean: float, n: int) -> Interval:
    """E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22 (1927)."""
    centre = (mean + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * sqrt(mean * (1 - mean) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    return Interval(mean, min(mean, max(0.0, centre - half)), max(mean, min(1.0, centre + half)))


def chance_of_fall(differences: Sequence[float]) -> float:
    """How often the mean would fall as far or farther if each question had gone up or down by the toss of a coin.

    The one-sided paired permutation test over the questions, exact up to some thirteen that differ.
    """
    moved = [one for one in differences if one]
    if not moved:
        return 1.0
    from scipy.stats import permutation_test

    # With one that differs nothing at all, for the test wants two values at least; it changes no sum.
    return float(
        permutation_test(
            ([*moved, 0.0],), np.mean, permutation_type="samples", alternative="less", n_resamples=9999,
            rng=np.random.default_rng(SEED),
        ).pvalue
    )  # fmt: skip


def percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """{"p50", "p95"}: half of the questions, and 95 of 100, took no longer."""
    if not milliseconds:
        return {}
    p50, p95 = np.percentile(milliseconds, (50, 95))
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3)}
