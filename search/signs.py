"""Weigh up passages for a question: by its words, and by meaning where a model reads it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from search import lane
from search.answerable import Signs, nearness_of
from search.choose import Evidence, weigh_up
from search.coverage import coverage
from search.embedders import EmbeddingError
from search.keywords import KeywordError, open_keywords
from search.models import Index
from search.passage import Passage
from search.terms import Rarity, is_cjk, spelled

log = logging.getLogger(__name__)

JUDGED = 8  # passages, by which it is decided whether the question is answered, whoever answers it then
MOST_EMBEDDED = 16  # sentences; as good as 24 on six sets of questions
LEAST_READ = 0.9  # share of the question that the model must be able to read for its similarities to count
MOST_COUNTED = 40  # terms of a question
UNRELATED = (
    "The committee will meet again in the spring to discuss the budget.",
    "He bought fresh bread and two bottles of milk at the market.",
    "Heavy rain delayed several trains on the northern line.",
    "Turn the handle to the left until you hear a click.",
)


@dataclass(frozen=True)
class Similarities:
    """Of the best candidates to the question, and the highest of sentences that have nothing to do with it."""

    of_candidates: tuple[float, ...]
    of_unrelated: float


@dataclass(frozen=True)
class Weighed:
    """What was seen in the passages. `index` is the one of the best passage, whose model compared the sentences.

    `similarities` is None where it does not read the question, or did not answer: then `is_away`.
    """

    question: str
    evidence: Evidence
    index: Index | None
    similarities: Similarities | None = None
    is_away: bool = False

    @property
    def signs(self) -> Signs:
        found = self.similarities
        near = nearness_of(max(found.of_candidates), found.of_unrelated) if found else None
        return Signs(self.evidence.covered, near, is_cjk(self.question))


def weighed(question: str, passages: Sequence[Passage], *, indexes: Sequence[Index] | None = None) -> Weighed:
    """The passages weighed up for the question; `indexes` are where they were found (None: those that serve)."""
    found = _in_order(passages, _serving(passages) if indexes is None else indexes)
    evidence = weigh_up(question, passages, rarity_of(question, found))
    if not (found and evidence.candidates) or coverage(found[0].preset, question) < LEAST_READ:
        return Weighed(question, evidence, found[0] if found else None)
    try:
        return Weighed(question, evidence, found[0], _similarities(question, evidence, found[0]))
    except EmbeddingError:
        log.warning("Sentences are chosen by their words alone.", exc_info=True)
        return Weighed(question, evidence, found[0], is_away=True)


def covered_share(question: str, passages: Sequence[Passage], *, indexes: Sequence[Index]) -> float:
    """The share (0 to 1) of the question's weight that the best of the passages covers; nothing is embedded for it."""
    return weigh_up(question, passages, rarity_of(question, _in_order(passages, indexes))).covered


def _serving(passages: Sequence[Passage]) -> list[Index]:
    asked = {passage.knowledge_base_id for passage in passages}
    serving = Index.objects.filter(knowledge_base__in=asked, state=Index.State.SERVING)
    return list(serving.select_related("preset", "knowledge_base"))


def _in_order(passages: Sequence[Passage], indexes: Sequence[Index]) -> list[Index]:
    """The indexes of the passages' knowledge bases; that of the best passage first."""
    order = list(dict.fromkeys(passage.knowledge_base_id for passage in passages))
    found = [index for index in indexes if index.knowledge_base_id in order]
    return sorted(found, key=lambda index: order.index(index.knowledge_base_id))


def rarity_of(question: str, indexes: Sequence[Index]) -> Rarity:
    """How many passages of these indexes have the question's terms; nothing where the keyword index is away."""
    written = dict(list(spelled(question))[:MOST_COUNTED])
    try:
        keywords = open_keywords()
        frequencies = keywords.frequencies(list(written.values()), indexes=[index.pk for index in indexes])
        total = sum(keywords.count(index.pk) for index in indexes)
    except KeywordError:
        log.warning("The keyword index does not answer: words are weighed by the passages found alone.", exc_info=True)
        return Rarity()
    return Rarity(total, dict(zip(written, frequencies, strict=True)))


def _similarities(question: str, evidence: Evidence, index: Index) -> Similarities:
    """By the index's model. Raises EmbeddingError."""
    texts = [candidate.sentence.text for candidate in evidence.candidates[:MOST_EMBEDDED]]
    asked = lane.embed_query(index.preset, question, index.query_instruction)  # the search has asked for it, too
    cosines = lane.embed_texts(index.preset, [*texts, *UNRELATED]) @ asked
    of_candidates = tuple(max(0.0, float(cosine)) for cosine in cosines[: len(texts)])
    return Similarities(of_candidates, float(cosines[len(texts) :].max()))
