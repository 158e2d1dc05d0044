"""Choose the sentences of passages that answer a question best."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat

from search.passage import Passage
from search.sentences import Sentence, sentences_of
from search.terms import Rarity, asked_terms, bag_of, coverage, weigh

MOST = 4  # sentences in an answer
SHARE_OF_BEST = 0.55  # a sentence that scores less than this share of the best one's score is left out
PASSAGE_WEIGHT = 0.5  # of the coverage by the whole passage, beside that by the sentence
PLACE_WEIGHT = 0.5  # of what the title and the headings cover and the sentence does not
RANK_PENALTY = 0.02  # for each rank of the passage
SIMILARITY_WEIGHT = 0.8
MOST_LED_TO = 8  # items, rows and blocks of code after a sentence that ends in a colon
NOT_COUNTED = Rarity()
DUPLICATE = 0.75  # share of the shorter sentence's terms that stand in the other


@dataclass(frozen=True)
class Candidate:
    """A sentence of passage `number` (from 1), the `ordinal`-th in it, and how well it fits the question."""

    number: int
    ordinal: int
    sentence: Sentence
    terms: frozenset[str]
    score: float


@dataclass(frozen=True)
class Evidence:
    """The candidates, best first, and the share (0 to 1) of the question's weight that the best passage covers."""

    candidates: tuple[Candidate, ...]
    covered: float


def weigh_up(question: str, passages: Sequence[Passage], rarity: Rarity = NOT_COUNTED) -> Evidence:
    """Every sentence of the passages, scored by the words that it shares with the question, rare ones first."""
    places = [bag_of(f"{passage.title} {passage.heading}") for passage in passages]
    bags = [place | bag_of(passage.text) for place, passage in zip(places, passages, strict=True)]
    weights = weigh(asked_terms(question, bags), bags, rarity)
    by_passage = [coverage(weights, bag) for bag in bags]
    candidates = [
        candidate
        for number, (passage, place, whole) in enumerate(zip(passages, places, by_passage, strict=True), 1)
        for candidate in _of_passage(number, passage, place, whole, weights)
    ]
    candidates.sort(key=lambda candidate: -candidate.score)
    return Evidence(tuple(candidates), max(by_passage, default=0.0))


def _of_passage(
    number: int, passage: Passage, place: frozenset[str], whole: float, weights: dict[str, float]
) -> Iterable[Candidate]:
    for ordinal, sentence in enumerate(sentences_of(passage.text, passage.spans())):
        terms = bag_of(sentence.text)
        if not terms:
            continue
        alone, in_place = coverage(weights, terms), coverage(weights, terms | place)
        score = alone + PLACE_WEIGHT * (in_place - alone) + PASSAGE_WEIGHT * whole - RANK_PENALTY * (number - 1)
        yield Candidate(number, ordinal, sentence, terms, score)


def with_similarity(evidence: Evidence, similarities: Sequence[float]) -> Evidence:
    """The candidates in a new order: similarity to the question (0 to 1) counts too, known of the first ones."""
    pairs = zip(evidence.candidates, chain(similarities, repeat(0.0)), strict=False)
    candidates = [replace(one, score=one.score + SIMILARITY_WEIGHT * similarity) for one, similarity in pairs]
    return replace(evidence, candidates=tuple(sorted(candidates, key=lambda candidate: -candidate.score)))


def choose(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The best ones that say different things, best first."""
    chosen: list[Candidate] = []
    for candidate in candidates:
        if len(chosen) == MOST or (chosen and candidate.score < SHARE_OF_BEST * chosen[0].score):
            break
        if not any(_alike(candidate, other) for other in chosen):
            chosen.append(candidate)
    return _with_what_they_lead_to(chosen, candidates)


def _with_what_they_lead_to(chosen: list[Candidate], candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Sentences like "Do this:" bring the list, table or code that follows them."""
    places = {(one.number, one.ordinal): one for one in candidates}
    whole: dict[Candidate, None] = {}
    for one in chosen:
        whole[one] = None
        if one.sentence.text.endswith((":", "：")):
            whole |= dict.fromkeys(_following(one, places))
    return tuple(whole)


def _following(one: Candidate, places: dict[tuple[int, int], Candidate]) -> Iterable[Candidate]:
    for step in range(1, MOST_LED_TO + 1):
        following = places.get((one.number, one.ordinal + step))
        if following is None or following.sentence.kind == "prose":
            return
        yield following


def _alike(one: Candidate, other: Candidate) -> bool:
    shorter = min(len(one.terms), len(other.terms))
    return len(one.terms & other.terms) > DUPLICATE * shorter
