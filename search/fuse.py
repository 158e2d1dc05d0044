"""Merge several rankings into one."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

K = 60  # Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet ...", SIGIR 2009


@dataclass(frozen=True)
class Fused:
    """An item, its fused score, and the place (from 1) that each ranking gave it."""

    item: Hashable
    score: float
    ranks: dict[str, int] = field(default_factory=dict)


def fuse(
    rankings: Mapping[str, Sequence[Hashable]], weights: Mapping[str, float] | None = None, *, k: int = K
) -> list[Fused]:
    """Reciprocal rank fusion, best first: an item's score is the sum of weight / (k + rank) over the rankings, ...

    ... divided by what an item has that is first in all of them: 1 is the most. A ranking that is not among the
    weights has weight 1. Equal scores go by the best single rank, then by the item,
    so that the same rankings always give the same order.
    """
    ranks: dict[Hashable, dict[str, int]] = {}
    for name, ranking in rankings.items():
        for rank, item in enumerate(ranking, start=1):
            ranks.setdefault(item, {}).setdefault(name, rank)
    weight = dict.fromkeys(rankings, 1.0) | dict(weights or {})
    most = sum(weight[name] for name, ranking in rankings.items() if ranking) / (k + 1) or 1.0
    fused = [
        Fused(item, sum(weight[name] / (k + r) for name, r in of.items()) / most, of) for item, of in ranks.items()
    ]
    return sorted(fused, key=lambda one: (-one.score, min(one.ranks.values()), one.item))
