"""Find passages by their words. One engine a file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol
from uuid import UUID

from django.conf import settings

ENGINES = {
    "milvus": "search.keywords.milvus.MilvusWords",
    "tantivy": "search.keywords.tantivy.TantivyIndex",
}


@dataclass(frozen=True)
class Entry:
    """A chunk as the keyword index takes it."""

    chunk_id: int
    document_id: UUID
    index_id: int
    title: str
    heading: str
    text: str


@dataclass(frozen=True)
class Hit:
    """A chunk and its BM25 score."""

    chunk_id: int
    score: float


class KeywordError(Exception):
    """The keyword index does not answer. Everything in it can be rebuilt from the database."""


class KeywordIndex(Protocol):
    """Apart for each index (search.models.Index ids): what happens to one changes nothing that another finds."""

    def add(self, entries: Iterable[Entry]) -> None:
        """Add or replace, in one commit an index. One process at a time writes into it; any number read."""

    def remove(self, index_id: int, chunk_ids: Sequence[int]) -> None:
        """Forget these chunks of this index, in one commit."""

    def remove_index(self, index_id: int) -> None:
        """Forget all chunks of this index."""

    def best(self, words: str, *, indexes: Sequence[int], limit: int) -> list[Hit]:
        """The best by BM25 within these indexes, best first; [] where no word is known.

        Nothing but what is in these indexes has a part in the scores.
        """

    def frequencies(self, words: Sequence[str], *, indexes: Sequence[int]) -> list[int]:
        """In how many chunks of these indexes each of the words stands."""

    def missing(self, index_id: int, chunk_ids: Sequence[int]) -> set[int]:
        """Those of the ids that are not in this index."""

    def ids(self, index_id: int) -> Iterator[int]:
        """The chunk of every entry of this index; one that has two entries comes twice."""

    def indexes(self) -> list[int]:
        """The indexes that anything is kept for."""

    def count(self, index_id: int) -> int:
        """How many chunks of this index it has."""


def open_keywords() -> KeywordIndex:
    """The keyword index that the settings choose."""
    module, _, cls = ENGINES[settings.KB_KEYWORD_INDEX].rpartition(".")
    return getattr(import_module(module), cls)()
