"""Find what is wrong with an index: the keyword index held against the database, and what belongs to no index."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from search.checking.contents import A_LOOK, Contents, paged
from search.keywords import KeywordIndex
from search.models import Index
from search.stores import VectorStore


@dataclass(frozen=True)
class Fault:
    """One kind of fault: where it is ("database", "vectors", "words", "files"), and which chunks, or names, have it."""

    where: str
    kind: str
    items: tuple
    index: Index | None = None


def in_words(contents: Contents, keywords: KeywordIndex) -> list[Fault]:
    """What the keyword index lacks or has too much. Raises KeywordError where it cannot be asked."""
    index = contents.index
    missing = [pk for page in paged(contents.ids, A_LOOK) for pk in sorted(keywords.missing(index.pk, page))]
    found = {"missing": contents.still(missing), **too_many(contents, keywords.ids(index.pk))}
    return faults_of("words", found, index)


def too_many(contents: Contents, ids: Iterable[int]) -> dict[str, list[int]]:
    """Of the ids that an engine lists those that are of nothing any more, and those that it has more than once."""
    listed, times = np.unique(np.fromiter(ids, np.int64), return_counts=True)
    orphaned = np.setdiff1d(listed, contents.ids, assume_unique=True)
    return {"orphaned": contents.gone(orphaned.tolist()), "duplicated": listed[times > 1].tolist()}


def strays(store: VectorStore, keywords: KeywordIndex) -> list[Fault]:
    """Collections of vectors and of words that belong to no index."""
    known = list(Index.objects.all())
    collections = sorted(set(store.collections()) - {index.collection for index in known})
    words = sorted(set(keywords.indexes()) - {index.pk for index in known})
    return faults_of("vectors", {"stray": collections}, None) + faults_of("words", {"stray": words}, None)


def faults_of(where: str, found: dict, index: Index | None) -> list[Fault]:
    """A fault for each kind of which anything was found."""
    return [Fault(where, kind, tuple(items), index) for kind, items in found.items() if items]
