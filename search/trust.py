"""How much meanings are to count beside words for one question, by what both ways of searching found.

Words tell little where few are asked for, the passages have little of them, and many passages score alike; meanings
tell much where the best stand out from the rest. The numbers are fitted on the sets of docs/benchmarks.md, see
benchmarks/trust.py; none of them depends on what similarities a model gives.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

from kb.models import Chunk
from search.keywords import Hit
from search.models import Index
from search.signs import rarity_of
from search.stores import Neighbour
from search.terms import asked_terms, bag_of, coverage, weigh

LOOKED_AT = 5  # passages, the best by their words
NEAR, FAR = 10, 100  # places that the first is compared with
CONSTANT = -0.331
FITTED = {
    "terms": (1.9924, 0.492, -0.99),
    "covered": (0.6416, 0.2579, -0.494),
    "words_fall": (0.5144, 0.2084, -1.331),
    "meanings_fall": (0.5236, 0.1624, 0.639),
}
"""Of each number its mean, its spread, and what so much more of it adds to the logarithm of the trust."""
USUAL = 2.0  # spreads from the mean: what lies farther counts as this
MOST = 3.0  # of the logarithm, up or down


@dataclass(frozen=True)
class Look:
    """How a question and what was found for it look; all but `terms`, their number, lie between 0 and 1.

    `covered` is the share of the question's weight that one of the passages has which are best by words; `words_fall`
    how much less the tenth scores than the first, as a share of that; `meanings_fall` how much less similar the tenth
    is, as a share of how much less the hundredth is, and as usual where there are not so many.
    """

    terms: int
    covered: float
    words_fall: float
    meanings_fall: float

    @property
    def numbers(self) -> dict[str, float]:
        """As FITTED has them."""
        return {
            "terms": log(1 + self.terms), "covered": self.covered, "words_fall": self.words_fall,
            "meanings_fall": self.meanings_fall,
        }  # fmt: skip


def look_at(
    question: str, near: Sequence[Neighbour], hits: Sequence[Hit], chunks: Mapping[int, Chunk], indexes: Sequence[Index]
) -> Look:
    """Of what both ways found in these indexes, best first; neither may have found nothing. `chunks` have documents."""
    best = [chunks[hit.chunk_id] for hit in hits[:LOOKED_AT] if hit.chunk_id in chunks]
    bags = [bag_of(" ".join((one.document.title, *one.heading_path, one.context, one.text))) for one in best]
    weights = weigh(asked_terms(question, bags), bags, rarity_of(question, indexes))
    covered = max((coverage(weights, bag) for bag in bags), default=0.0)
    similarities = [one.similarity for one in near]
    is_far = len(similarities) >= FAR
    meanings = _fall(similarities, to=similarities[FAR - 1]) if is_far else FITTED["meanings_fall"][0]
    return Look(len(weights), covered, _fall([hit.score for hit in hits], to=0.0), meanings)


def trust_in_meanings(seen: Look) -> float:
    """What the weight of meanings is multiplied by; 1 where both ways are to be trusted as usual."""
    told = CONSTANT
    for name, number in seen.numbers.items():
        mean, spread, weight = FITTED[name]
        told += weight * max(-USUAL, min(USUAL, (number - mean) / spread))
    return exp(max(-MOST, min(MOST, told)))


def _fall(scores: Sequence[float], *, to: float) -> float:
    """From the first to the tenth, or the last, as a share of that from the first `to` here."""
    first, tenth = scores[0], scores[min(NEAR, len(scores)) - 1]
    return (first - tenth) / (first - to) if first > to else 0.0
