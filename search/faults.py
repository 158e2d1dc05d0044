"""Find what is wrong with an index: database, vector store and keyword index held against each other."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Count

from kb.models import Chunk
from search.audit import finds
from search.keywords import KeywordIndex
from search.models import Index, IndexedDocument, Vector
from search.stores import VectorStore

PAGE = 500


@dataclass(frozen=True)
class Fault:
    """One kind of fault: where it is ("database", "vectors", "words", "files"), and which chunks, or names, have it."""

    where: str
    kind: str
    items: tuple
    index: Index | None = None


class Contents:
    """What should be in an index by the database; read once, before the engines are asked."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.chunks = dict(_chunks(index).filter(document__indexed_in__index=index).values_list("pk", "digest"))

    def gone(self, chunk_ids: Sequence[int]) -> list[int]:
        """Those of the ids that are no chunks of this index's way of cutting any more: nothing will ever show them."""
        there: set[int] = set()
        for page in _paged(chunk_ids):
            there |= set(_chunks(self.index).filter(pk__in=page).values_list("pk", flat=True))
        return [pk for pk in chunk_ids if pk not in there]

    def still(self, chunk_ids: Sequence[int]) -> list[int]:
        """Those of the ids that belong into the index now, too: others may have been deleted meanwhile."""
        here: set[int] = set()
        for page in _paged(chunk_ids):
            living = _chunks(self.index).filter(pk__in=page, document__indexed_in__index=self.index)
            here |= set(living.values_list("pk", flat=True))
        return [pk for pk in chunk_ids if pk in here]


def _chunks(index: Index):
    return Chunk.objects.filter(chunking=index.chunking_id, document__deleted_at=None).order_by()


def _paged(items: Sequence) -> Iterator[list]:
    listed = list(items)
    return (listed[first : first + PAGE] for first in range(0, len(listed), PAGE))


def in_database(contents: Contents) -> list[Fault]:
    """Chunks without a vector, vectors of a wrong length or without sense, documents whose chunks are miscounted."""
    lacking, wrong_length, no_numbers = [], [], []
    full = contents.index.preset.dimension
    for page in _paged(list(contents.chunks.items())):
        rows = Vector.objects.filter(preset=contents.index.preset_id, digest__in={digest for _, digest in page})
        data = {digest: bytes(kept) for digest, kept in rows.values_list("digest", "data")}
        for pk, digest in page:
            if digest not in data:
                lacking.append(pk)
            elif len(data[digest]) != 4 * full:
                wrong_length.append(pk)
            elif not _is_of_length_one(data[digest]):
                no_numbers.append(pk)
    found = {"unembedded": contents.still(lacking), "wrong_length": wrong_length, "not_a_vector": no_numbers,
             "miscounted": _miscounted(contents.index)}  # fmt: skip
    return _faults("database", found, contents.index)


def _is_of_length_one(data: bytes) -> bool:
    length = float(np.linalg.norm(np.frombuffer(data, "<f4").astype(np.float64)))
    return abs(length - 1) < 0.01  # of NaN this is false


def _miscounted(index: Index) -> list[str]:
    """Documents of which the index is said to hold more or fewer chunks than there are."""
    counts = dict(
        _chunks(index).filter(document__indexed_in__index=index).values_list("document").annotate(Count("pk"))
    )
    said = IndexedDocument.objects.filter(index=index, document__deleted_at=None).values_list("document", "chunks")
    return [str(pk) for pk, chunks in said if counts.get(pk, 0) != chunks]


def in_store(contents: Contents, store: VectorStore, sample: int | None) -> list[Fault]:
    """What the vector store lacks, has too much, or does not find. `sample`: how many are looked up; None: all.

    Raises StoreError where the store cannot be asked.
    """
    index, collection = contents.index, contents.index.collection
    dimension = store.dimension(collection)
    if dimension not in (None, index.dimension):
        return [Fault("vectors", "wrong_dimension", (f"{dimension} / {index.dimension}",), index)]
    missing = contents.still(sorted(store.missing(collection, list(contents.chunks))))
    listed = Counter(store.ids(collection))
    found = {
        "missing": missing,
        "orphaned": contents.gone(sorted(set(listed) - set(contents.chunks))),
        "duplicated": [pk for pk, times in listed.items() if times > 1],
        "unfindable": _unfindable(contents, store, set(missing), sample),
    }
    return _faults("vectors", found, index)


def _unfindable(contents: Contents, store: VectorStore, missing: set[int], sample: int | None) -> list[int]:
    there = [item for item in contents.chunks.items() if item[0] not in missing]
    if sample is not None:
        there = random.sample(there, min(sample, len(there)))
    return [pk for pk, digest in there if not finds(store, contents.index, (pk, digest))]


def in_words(contents: Contents, keywords: KeywordIndex) -> list[Fault]:
    """What the keyword index lacks or has too much. Raises KeywordError where it cannot be asked."""
    index = contents.index
    listed = Counter(keywords.ids(index.pk))
    found = {
        "missing": contents.still(sorted(keywords.missing(index.pk, list(contents.chunks)))),
        "orphaned": contents.gone(sorted(set(listed) - set(contents.chunks))),
        "duplicated": [pk for pk, times in listed.items() if times > 1],
    }
    return _faults("words", found, index)


def strays(store: VectorStore, keywords: KeywordIndex) -> list[Fault]:
    """Collections of vectors and of words that belong to no index."""
    known = list(Index.objects.all())
    collections = sorted(set(store.collections()) - {index.collection for index in known})
    words = sorted(set(keywords.indexes()) - {index.pk for index in known})
    return _faults("vectors", {"stray": collections}, None) + _faults("words", {"stray": words}, None)


def _faults(where: str, found: dict, index: Index | None) -> list[Fault]:
    return [Fault(where, kind, tuple(items), index) for kind, items in found.items() if items]
