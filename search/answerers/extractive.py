"""Answer without a language model: the passages' own best sentences, each with its number."""

from collections.abc import Iterator, Sequence

from search.answerable import is_answerable
from search.choose import choose, weigh_up
from search.compose import compose
from search.passage import Passage


class ExtractiveAnswerer:
    """Chooses sentences by the question's words and, where the query lane answers, by meaning."""

    def answer(self, question: str, passages: Sequence[Passage]) -> Iterator[str]:
        """Blocks of Markdown; nothing where the passages do not answer the question."""
        evidence = weigh_up(question, passages)
        if is_answerable(evidence):
            yield from compose(choose(evidence.candidates))
