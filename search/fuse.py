"""Merge several rankings into one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

K = 5
SCORES = 0.5  # of a share goes by scores, the rest by ranks


@dataclass(frozen=True)
class Ranking:
    """Of each item its place (from 1), and how strong it is beside the others of this ranking (0 to 1)."""

    places: Mapping[Any, int]
    strengths: Mapping[Any, float]

    @classmethod
    def of(cls, scored: Iterable[tuple[Any, float]]) -> "Ranking":
        """Of (item, score), best first: the best is 1 strong, the last 0, the others lie between by their scores."""
        scores: dict[Any, float] = {}
        for item, score in scored:
            scores.setdefault(item, score)
        high, low = max(scores.values(), default=0.0), min(scores.values(), default=0.0)
        strengths = {item: (score - low) / (high - low) if high > low else 1.0 for item, score in scores.items()}
        return cls(places_of(scores), strengths)

    @classmethod
    def at(cls, places: Mapping[Any, int]) -> "Ranking":
        """Of items whose scores do not compare, or that share places: strong by their places alone."""
        return cls(dict(places), {item: _reciprocal(place, K) for item, place in places.items()})


@dataclass(frozen=True)
class Fused:
    """An item, its fused score (0 to 1), the place that each ranking gave it, and what each gave to the score."""

    item: Any
    score: float
    ranks: dict[str, int] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)


def fuse(
    rankings: Mapping[str, Ranking],
    weights: Mapping[str, float] | None = None,
    *,
    k: int = K,
    scores: float = SCORES,
) -> list[Fused]:
    """The items of all rankings, best first.

    A ranking gives an item its weight (1, if none is given) times a mean of two numbers between 0 and 1: how strong
    the item is in it, and (k + 1) / (k + place), as in reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR
    2009). `scores` is the part of the first in that mean. The sum is divided by that of the weights, so that 1 is what
    is first in every ranking. Equal scores go by the best single place, then by the item, so that the same rankings
    always give the same order.
    """
    weight = dict.fromkeys(rankings, 1.0) | dict(weights or {})
    total = sum(weight[name] for name, ranking in rankings.items() if ranking.places) or 1.0
    items = dict.fromkeys(item for ranking in rankings.values() for item in ranking.places)
    fused = []
    for item in items:
        has = {name: ranking for name, ranking in rankings.items() if item in ranking.places}
        shares = {name: weight[name] / total * worth_of(ranking, item, k, scores) for name, ranking in has.items()}
        ranks = {name: ranking.places[item] for name, ranking in has.items()}
        fused.append(Fused(item, sum(shares.values()), ranks, shares))
    return in_order(fused)


def worth_of(ranking: Ranking, item: Any, k: int, scores: float) -> float:
    """What a ranking gives to the score of an item that it has (0 to 1), before it is weighed."""
    return scores * ranking.strengths[item] + (1 - scores) * _reciprocal(ranking.places[item], k)


def _reciprocal(place: int, k: int) -> float:
    return (k + 1) / (k + place)


def places_of(items: Iterable[Any]) -> dict[Any, int]:
    """The place (from 1) of each of these different items."""
    return {item: place for place, item in enumerate(items, start=1)}


def in_order(fused: Iterable[Fused]) -> list[Fused]:
    """The best first."""
    return sorted(fused, key=lambda one: (-one.score, min(one.ranks.values()), one.item))
