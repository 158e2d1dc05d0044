"""Find what is wrong with a collection of the vector store, by what the database says should be in it."""

import numpy as np

from search import vectors
from search.checking.audit import unfound
from search.checking.contents import A_LOOK, Contents, paged
from search.checking.faults import Fault, faults_of, too_many
from search.stores import VectorStore
from search.vectors import OFF

COMPARED = 0.02  # of the passages, if that is more than the sample
SAME = 0.9999  # cosine: a store may keep 16- or 8-bit numbers


def in_store(contents: Contents, store: VectorStore, sample: int | None) -> list[Fault]:
    """What the vector store lacks, has too much, has otherwise, or does not find. Raises StoreError.

    So many passages are looked up by their own vectors, as `sample` says, and as many or COMPARED of all have their
    vectors read back and compared with those of the database; None: all.
    """
    index, collection = contents.index, contents.index.collection
    dimension = store.dimension(collection)
    if dimension not in (None, index.dimension):
        return [Fault("vectors", "wrong_dimension", (f"{dimension} / {index.dimension}",), index)]
    absent = [pk for page in paged(contents.ids, A_LOOK) for pk in sorted(store.missing(collection, page))]
    there = np.setdiff1d(contents.ids, np.array(absent, np.int64), assume_unique=True)
    wrong = _wrong(contents, store, there, sample and max(sample, round(COMPARED * len(there))))
    right = np.setdiff1d(there, np.array(wrong, np.int64), assume_unique=True)
    found = {
        "missing": contents.still(absent),
        **too_many(contents, store.ids(collection)),
        "wrong": wrong,
        "unfindable": [pk for pairs in contents.pairs(right, sample) for pk in unfound(store, index, pairs)],
    }
    return faults_of("vectors", found, index)


def _wrong(contents: Contents, store: VectorStore, there: np.ndarray, number: int | None) -> list[int]:
    """Those whose vector in the store is not the one that the database has for their text: another model's, perhaps."""
    wrong: list[int] = []
    for pairs in contents.pairs(there, number):
        ids, ours = vectors.of_chunks(contents.index, pairs)
        kept = dict(zip(ids, ours, strict=True))
        for pk, row in zip(*store.vectors(contents.index.collection, ids), strict=True):
            if not _is_same(row, kept[pk]):
                wrong.append(pk)
    return wrong


def _is_same(row: np.ndarray, ours: np.ndarray) -> bool:
    length = float(np.linalg.norm(row))
    return (
        row.shape == ours.shape and abs(length - 1) < OFF and float(row @ ours) / length > SAME
    )  # of NaN this is false
