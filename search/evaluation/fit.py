"""Fit the limits of answering to questions that a knowledge base answers and to others that it does not.

For each kind of signs, the limit is looked for that tells the two best apart: the highest balanced accuracy (the mean
of the share of answerable questions that are answered and of foreign ones that are refused) among the limits that
refuse at most MOST_REFUSED of the answerable, or no more than the usual limit does. Of several that are as good, the
one nearest to the usual limit is taken.

Few questions say little. So what they say is mixed with the usual limit, by the credibility of H. Buehlmann, Experience
Rating and Credibility, ASTIN Bulletin 4 (1967): it weighs n / (n + K), n being the number of answerable or of foreign
questions, whichever is less. And the usual limit stays where there are fewer than FEWEST of either, or where the mixed
one gains less than CERTAIN standard errors of what it gains: that may be chance.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import sqrt

from search.answerable import KINDS, USUAL, Kind, Limits, Signs, is_answerable

MOST_REFUSED = 0.05  # of the answerable
FEWEST = 20
K = 20.0
CERTAIN = 2.0


@dataclass(frozen=True)
class Observed:
    """The signs of a question that was asked; whether its right passages were found, or else nothing answers it.

    `by_words` is the share that passages found by words alone cover: what there is to go by while the model is away.
    """

    signs: Signs
    by_words: float
    is_answerable: bool

    def strength(self, kind: Kind) -> float | None:
        """What is held against the limit of this kind; None where it never is."""
        if kind == "meaning":
            return self.signs.strength if self.signs.nearness is not None else None
        if (kind == "pairs") != self.signs.is_cjk:
            return None
        return self.signs.strength if self.signs.nearness is None else self.by_words


@dataclass(frozen=True)
class Cost:
    """How many answerable questions are refused by some limits, and how many foreign ones answered."""

    answerable: int
    refused: int
    foreign: int
    answered: int

    @property
    def accuracy(self) -> float:
        """Balanced: 1 where all is right, .5 for a coin."""
        return 1 - (_share(self.refused, self.answerable) + _share(self.answered, self.foreign)) / 2


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def fit(observed: Sequence[Observed], usual: Limits = USUAL) -> Limits:
    """The limits for these questions, by the rules of this module."""
    fitted = {kind: _fitted(*strengths(observed, kind), getattr(usual, kind)) for kind in KINDS}
    return replace(usual, **fitted)


def strengths(observed: Iterable[Observed], kind: Kind) -> tuple[list[float], list[float]]:
    """Of the answerable questions and of the foreign ones, those that have signs of this kind, the weakest first."""
    found: tuple[list[float], list[float]] = ([], [])
    for one in observed:
        strength = one.strength(kind)
        if strength is not None:
            found[not one.is_answerable].append(strength)
    return sorted(found[0]), sorted(found[1])


def cost_of(observed: Iterable[Observed], limits: Limits) -> Cost:
    """What these limits do, each question by the signs that it has."""
    answered: dict[bool, list[bool]] = {True: [], False: []}
    for one in observed:
        answered[one.is_answerable].append(is_answerable(one.signs, limits))
    own, foreign = answered[True], answered[False]
    return Cost(len(own), len(own) - sum(own), len(foreign), sum(foreign))


def cost_at(answerable: Sequence[float], foreign: Sequence[float], limit: float) -> Cost:
    """What this limit does to signs of one kind, in the order in which `strengths` gives them."""
    refused, right = bisect_left(answerable, limit), bisect_left(foreign, limit)
    return Cost(len(answerable), refused, len(foreign), len(foreign) - right)


def _fitted(answerable: Sequence[float], foreign: Sequence[float], usual: float) -> float:
    number = min(len(answerable), len(foreign))
    if number < FEWEST:
        return usual
    best = _best(answerable, foreign, usual)
    mixed = round(usual + (best - usual) * number / (number + K), 4)
    gain, error = _gain(answerable, foreign, usual, mixed)
    return mixed if gain > 0 and gain >= CERTAIN * error else usual


def _best(answerable: Sequence[float], foreign: Sequence[float], usual: float) -> float:
    """The best limit between two questions; the usual one where there is none between them."""
    allowed = max(MOST_REFUSED * len(answerable), cost_at(answerable, foreign, usual).refused)
    tried = [(low + high) / 2 for low, high in pairwise(sorted({*answerable, *foreign}))]
    costs = {limit: cost_at(answerable, foreign, limit) for limit in tried}
    fitting = [limit for limit, cost in costs.items() if cost.refused <= allowed]
    return max(fitting, key=lambda limit: (costs[limit].accuracy, -abs(limit - usual)), default=usual)


def _gain(answerable: Sequence[float], foreign: Sequence[float], usual: float, limit: float) -> tuple[float, float]:
    """What the limit gains in balanced accuracy over the usual one, and the standard error of that.

    Only questions between the two are judged otherwise.
    """
    low, high = sorted((usual, limit))
    own, others = (sum(low <= one < high for one in of_kind) / len(of_kind) for of_kind in (answerable, foreign))
    variance = own * (1 - own) / len(answerable) + others * (1 - others) / len(foreign)
    return (others - own if limit > usual else own - others) / 2, sqrt(variance) / 2
