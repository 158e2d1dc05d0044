"""Fit the limits of answering to questions that a knowledge base answers and to others that it does not.

For each kind of signs, the limit is looked for that tells the two best apart: the highest balanced accuracy (the mean
of the share of answerable questions that are answered and of foreign ones that are refused) among the limits that
refuse at most MOST_REFUSED of the answerable, or no more than the usual limit does. Of several that are as good, the
one with the most room to the next question on either side is taken.

Few questions say little, so what they say is mixed with the usual limit, by the credibility of H. Buehlmann, Experience
Rating and Credibility, ASTIN Bulletin 4 (1967): it weighs n / (n + K), n being the number of answerable or of foreign
questions, whichever is less. The usual limit stays where there are fewer than FEWEST of either, and where the mixed one
tells these questions apart less well. K was chosen on six sets of questions (docs/benchmarks.md); between 10 and 40 it
makes little difference.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from search.answerable import KINDS, USUAL, Kind, Limits, Signs, is_answerable

MOST_REFUSED = 0.05  # of the answerable
FEWEST = 20
K = 20.0


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
    before, after = (cost_at(answerable, foreign, limit) for limit in (usual, mixed))
    return mixed if after.accuracy >= before.accuracy else usual


def _best(answerable: Sequence[float], foreign: Sequence[float], usual: float) -> float:
    """The best limit between two questions; the usual one where there is none between them."""
    allowed = max(MOST_REFUSED * len(answerable), cost_at(answerable, foreign, usual).refused)
    pairs = pairwise(sorted({*answerable, *foreign}))
    tried = [(cost_at(answerable, foreign, (low + high) / 2), high - low, (low + high) / 2) for low, high in pairs]
    fitting = [(cost.accuracy, room, limit) for cost, room, limit in tried if cost.refused <= allowed]
    return max(fitting)[2] if fitting else usual
