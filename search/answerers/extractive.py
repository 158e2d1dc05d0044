"""Answer without a language model: the passages' own best sentences, each with its number."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search.answerable import is_answerable, nearness_of
from search.choose import Evidence, choose, weigh_up, with_similarity
from search.compose import compose
from search.coverage import coverage
from search.embedders import EmbeddingError
from search.keywords import KeywordError, open_keywords
from search.lane import embed_query, embed_texts
from search.models import Index, Preset
from search.passage import Passage
from search.terms import Rarity, is_cjk, spelled

log = logging.getLogger(__name__)

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


class ExtractiveAnswerer:
    """Chooses sentences by the question's words and, where the query lane answers, by meaning."""

    def answer(self, question: str, passages: Sequence[Passage]) -> Iterator[str]:
        """Blocks of Markdown; nothing where the passages do not answer the question."""
        evidence, found = _weighed(question, passages)
        if _answers(question, evidence, found):
            evidence = with_similarity(evidence, found.of_candidates) if found else evidence
            yield from compose(choose(evidence.candidates))

    def is_answered_by(self, question: str, passages: Sequence[Passage]) -> bool:
        """Whether the passages answer the question at all, by the same signs."""
        return _answers(question, *_weighed(question, passages))


def _weighed(question: str, passages: Sequence[Passage]) -> tuple[Evidence, Similarities | None]:
    indexes = _indexes_of(passages)
    evidence = weigh_up(question, passages, _rarity(question, indexes))
    asked = indexes and evidence.candidates
    return evidence, _similarities(question, evidence, indexes[0].preset) if asked else None


def _answers(question: str, evidence: Evidence, found: Similarities | None) -> bool:
    if not evidence.candidates:
        return False
    near = nearness_of(max(found.of_candidates), found.of_unrelated) if found else None
    return is_answerable(evidence.covered, near, is_cjk=is_cjk(question))


def _indexes_of(passages: Sequence[Passage]) -> list[Index]:
    """The serving indexes of the passages' knowledge bases; that of the best passage first."""
    order = list(dict.fromkeys(passage.knowledge_base_id for passage in passages))
    serving = Index.objects.filter(knowledge_base__in=order, state=Index.State.SERVING).select_related("preset")
    return sorted(serving, key=lambda index: order.index(index.knowledge_base_id))


def _rarity(question: str, indexes: Sequence[Index]) -> Rarity:
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


def _similarities(question: str, evidence: Evidence, preset: Preset) -> Similarities | None:
    """By the model; None where it cannot read the question or does not answer."""
    if coverage(preset, question) < LEAST_READ:
        return None
    texts = [candidate.sentence.text for candidate in evidence.candidates[:MOST_EMBEDDED]]
    try:
        cosines = embed_texts(preset, [*texts, *UNRELATED]) @ embed_query(preset, question)
    except EmbeddingError:
        log.warning("Sentences are chosen by their words alone.", exc_info=True)
        return None
    of_candidates = tuple(max(0.0, float(cosine)) for cosine in cosines[: len(texts)])
    return Similarities(of_candidates, float(cosines[len(texts) :].max()))
