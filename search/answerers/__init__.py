"""Make an answer of passages. One engine a file."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Protocol

from django.conf import settings

from search.passage import Passage

ENGINES = {"extractive": "search.answerers.extractive.ExtractiveAnswerer"}


class Answerer(Protocol):
    """Answers a question out of passages alone."""

    def answer(self, question: str, passages: Sequence[Passage]) -> Iterator[str]:
        """Pieces of Markdown text, in reading order, that cite passage n (counted from 1) as [n]; none: no answer."""


def open_answerer(name: str = "") -> Answerer:
    """The answerer of this name, or the one that the settings choose."""
    module, _, cls = ENGINES[name or settings.KB_ANSWERER].rpartition(".")
    return getattr(import_module(module), cls)()
