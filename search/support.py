"""Say which sentences of an answer its passages bear out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from search.cite import numbers_in
from search.passage import Passage
from search.sentences import sentences_of
from search.terms import bag_of, terms_of

ENOUGH = 0.5  # of a sentence's terms that stand in what it cites
FEWEST_TERMS = 3  # a sentence of fewer says nothing that could be borne out: "Yes.", "In short:"


@dataclass(frozen=True)
class Support:
    """A sentence of an answer, [start, end) in it: the passages it cites, the share (0 to 1) that they bear out.

    `supported` is None for a sentence that claims nothing.
    """

    start: int
    end: int
    numbers: tuple[int, ...]
    score: float
    supported: bool | None

    def as_json(self) -> dict[str, Any]:
        """For Message.support."""
        return asdict(self)


def supports_of(answer: str, passages: Sequence[Passage]) -> tuple[Support, ...]:
    """Every sentence of the answer in turn, held against the passages that it cites (all, where it cites none)."""
    bags = [bag_of(" ".join((passage.title, *passage.heading_path, passage.text))) for passage in passages]
    return tuple(_support(answer, sentence.start, sentence.end, bags) for sentence in sentences_of(answer, []))


def _support(answer: str, start: int, end: int, bags: Sequence[frozenset[str]]) -> Support:
    text = answer[start:end]
    numbers = tuple(n for n in numbers_in(text) if n <= len(bags))
    terms = set(terms_of(text)) - {str(number) for number in numbers}
    held = frozenset().union(*(bags[n - 1] for n in numbers)) if numbers else frozenset().union(*bags)
    score = len(terms & held) / len(terms) if terms else 0.0
    says_something = len(terms) >= FEWEST_TERMS
    return Support(start, end, numbers, round(score, 3), bool(numbers) and score >= ENOUGH if says_something else None)
