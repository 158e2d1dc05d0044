"""Answer without a language model: the passages' own best sentences, each with its number."""

from collections.abc import Iterator, Sequence

from search.answerable import is_answerable
from search.choose import choose, with_similarity
from search.compose import compose
from search.limits import limits_of
from search.passage import Passage
from search.signs import JUDGED, Weighed, weighed


class ExtractiveAnswerer:
    """Chooses sentences by the question's words and, where the query lane answers, by meaning."""

    def answer(self, question: str, passages: Sequence[Passage]) -> Iterator[str]:
        """Blocks of Markdown; nothing where the passages do not answer the question."""
        found = weighed(question, passages)
        if _answers(found):
            alike = found.similarities.of_candidates if found.similarities else ()
            yield from compose(choose(with_similarity(found.evidence, alike).candidates))

    def is_answered_by(self, question: str, passages: Sequence[Passage]) -> bool:
        """Whether the passages answer the question at all, by the same signs."""
        return _answers(weighed(question, passages[:JUDGED]))


def _answers(found: Weighed) -> bool:
    """By the limits of the best passage's knowledge base: it is its model whose similarities were looked at."""
    return bool(found.evidence.candidates) and is_answerable(found.signs, limits_of(found.index))
