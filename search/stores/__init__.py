"""Keep vectors and find the nearest. One engine a file; an entry is a chunk's id and its vector."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np
from django.conf import settings

ENGINES = {
    "chroma": "search.stores.chroma.ChromaStore",
    "exact": "search.stores.exact.ExactStore",
    "faiss": "search.stores.faiss.FaissStore",
    "milvus": "search.stores.milvus.MilvusStore",
}
NAME = re.compile(r"index-\d+-\d+")  # of a collection, see search.models.Index


@dataclass(frozen=True)
class Neighbour:
    """A chunk and its cosine similarity (-1 to 1) to the question."""

    chunk_id: int
    similarity: float


class StoreError(Exception):
    """The store does not answer, or answers nonsense. Everything in it can be rebuilt from the database."""


class VectorStore(Protocol):
    """One collection an index. Every verb raises StoreError and nothing else of the engine's."""

    def add(self, collection: str, chunk_ids: Sequence[int], vectors: np.ndarray) -> None:
        """Store (n, dimension) vectors of length 1 under these ids; an id that is there is replaced."""

    def remove(self, collection: str, chunk_ids: Sequence[int]) -> None:
        """Forget these ids; unknown ones are passed over."""

    def nearest(self, collection: str, vector: np.ndarray, limit: int) -> list[Neighbour]:
        """The `limit` nearest, best first. An unknown collection is a StoreError."""

    def missing(self, collection: str, chunk_ids: Sequence[int]) -> set[int]:
        """Those of the ids whose vector cannot be read back."""

    def vectors(self, collection: str, chunk_ids: Sequence[int]) -> tuple[list[int], np.ndarray]:
        """Those of the ids that can be read back, and their (n, dimension) vectors as they are kept."""

    def count(self, collection: str) -> int:
        """How many entries the collection says it has."""

    def ids(self, collection: str) -> Iterator[int]:
        """The ids of all entries, read a page at a time; none where there is no such collection."""

    def dimension(self, collection: str) -> int | None:
        """How many numbers its vectors have; None where it is not there, or was never given any."""

    def drop(self, collection: str) -> None:
        """Delete the collection if it is there."""

    def collections(self) -> Iterable[str]:
        """The names of all collections of this Lectern, whoever else keeps some in the same place."""


def entries(chunk_ids: Sequence[int], vectors: np.ndarray) -> np.ndarray:
    """The vectors as float32 (n, dimension), one an id. Raises StoreError where they are not, or not all finite."""
    if len(chunk_ids) != len(vectors):
        raise StoreError(f"{len(chunk_ids)} ids came with {len(vectors)} vectors.")
    return finite(vectors)


def finite(vectors: np.ndarray) -> np.ndarray:
    """As float32. Raises StoreError where a number is none, which engines take or choke on."""
    rows = np.ascontiguousarray(vectors, dtype="<f4")
    if not np.isfinite(rows).all():
        raise StoreError("A vector holds a number that is not finite.")
    return rows


def open_store(name: str = "") -> VectorStore:
    """The store of this name, or the one that the settings choose."""
    module, _, cls = ENGINES[name or settings.KB_VECTOR_STORE].rpartition(".")
    return getattr(import_module(module), cls)()
