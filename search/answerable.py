"""Decide whether the passages that were found answer the question at all.

Two signs: what share of the question's weight (rare words weigh most) the best passage covers, and how much nearer in
meaning its best sentence is to the question than sentences about anything else are. The usual limits were fitted on
questions asked of collections that answer them, and of others that do not: of the former 0-8 % are refused (a set
each; 3 % on average), of the latter 84-99 % where the model reads the question; by words alone 73-98 %. A knowledge
base with saved questions gets limits of its own (search.evaluation.fit).
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["meaning", "words", "pairs"]

KINDS: tuple[Kind, ...] = ("meaning", "words", "pairs")
ENOUGH_COVERED = 0.7  # more than this share counts no more, where meaning counts too
HIGHEST = {"meaning": 1 + ENOUGH_COVERED, "words": 1.0, "pairs": 1.0}  # that signs of each kind can be
STRICTEST = 100


@dataclass(frozen=True)
class Signs:
    """What speaks for passages answering a question.

    `covered` is the share (0 to 1) of the question's weight that the best of them covers, `nearness` as nearness_of
    gives it; None where the model could not be asked, or does not read the question.
    """

    covered: float
    nearness: float | None
    is_cjk: bool

    @property
    def kind(self) -> Kind:
        """What they go by: meaning and words, words alone, or pairs of CJK characters alone.

        Other words for the same thing share fewer pairs of characters than words.
        """
        if self.nearness is not None:
            return "meaning"
        return "pairs" if self.is_cjk else "words"

    @property
    def strength(self) -> float:
        """What is held against the limit of their kind."""
        if self.nearness is None:
            return self.covered
        return min(self.covered, ENOUGH_COVERED) + self.nearness


@dataclass(frozen=True)
class Limits:
    """The strength that signs of each kind must have; below it nothing answers the question."""

    meaning: float
    words: float
    pairs: float


USUAL = Limits(meaning=0.85, words=0.38, pairs=0.20)


def is_answerable(signs: Signs, limits: Limits) -> bool:
    """Whether the signs are as strong as the limit of their kind asks for."""
    return signs.strength >= getattr(limits, signs.kind)


def limits_by_hand(strictness: int) -> Limits:
    """From -100 (nearly all that is found answers) over 0 (the usual ones) to 100 (only what fits wholly does).

    Each limit moves along its own scale, so that one number sets all three.
    """
    share = max(-STRICTEST, min(STRICTEST, strictness)) / STRICTEST
    return Limits(**{kind: _moved(getattr(USUAL, kind), HIGHEST[kind], share) for kind in KINDS})


def _moved(usual: float, highest: float, share: float) -> float:
    return usual * (1 + share) if share < 0 else usual + (highest - usual) * share


def nearness_of(similarity: float, unrelated: float) -> float:
    """How far the similarity lies between that of unrelated sentences (0) and that of the question itself (1).

    Models differ in what cosine two unrelated sentences have; measured from it, theirs can be compared.
    """
    return (similarity - unrelated) / (1 - unrelated) if unrelated < 1 else 0.0
