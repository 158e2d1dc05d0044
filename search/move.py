"""Copy the stored vectors into another vector store. Nothing is embedded, and what is there already is not copied."""

from collections.abc import Callable
from dataclasses import dataclass

from search.checking.audit import expected, sample, unfound
from search.checking.contents import pieces
from search.models import Index
from search.place import add_to_store
from search.stores import StoreError, VectorStore

SAMPLE = 50  # chunks an index that are looked up by their own vectors afterwards


@dataclass(frozen=True)
class Moved:
    """An index as it is in the other store: chunks that belong there, of them copied now, and what is wrong ('')."""

    chunks: int
    copied: int
    problem: str


def used_indexes() -> list[Index]:
    """The indexes that have a collection, in the order in which they were made."""
    used = Index.objects.exclude(state=Index.State.RETIRED).filter(knowledge_base__deleted_at=None)
    return list(used.select_related("knowledge_base", "preset").order_by("pk"))


def copy(index: Index, target: VectorStore, show: Callable[[int], object] = lambda done: None) -> Moved:
    """Copy what the target lacks, then verify it. `show` is told of chunks that are done. Raises StoreError.

    Interrupted and begun again, it goes on where it was.
    """
    if target.dimension(index.collection) not in (None, index.dimension):
        target.drop(index.collection)
    copied = 0
    for piece in pieces(index):
        lost = target.missing(index.collection, [pk for pk, *_ in piece.chunks])
        lacking = add_to_store(target, index, [pair for pair in piece.pairs if pair[0] in lost])
        copied += len(lost) - len(lacking)
        show(len(piece.chunks))
    return Moved(expected(index), copied, verify(index, target))


def verify(index: Index, target: VectorStore) -> str:
    """What is wrong with the copy, in a sentence; '' if it has all and finds a sample of it."""
    want = expected(index)
    if not want:
        return ""
    try:
        have = target.count(index.collection)
        lost = unfound(target, index, sample(index, SAMPLE))
    except StoreError as error:
        return str(error)
    if have < want:
        return f"{want - have} of {want} passages are missing."
    return f"{len(lost)} passages of a sample are not found by their own vectors." if lost else ""
