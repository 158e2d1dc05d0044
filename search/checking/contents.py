"""Read what is in an index by the database, a bounded piece at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

import numpy as np
from django.db.models import QuerySet

from kb.models import Chunk
from search.models import Index, IndexedDocument

PAGE = 500  # SQLite takes a bounded number of variables
CHUNKS = 1000  # in a piece, about: a document is never parted
A_LOOK = 10_000  # chunks, about, that a check looks at together

Row = tuple[int, UUID, int]  # of IndexedDocument: its key, the document, how many chunks it is said to have


@dataclass(frozen=True)
class Piece:
    """Some documents of an index: how many chunks each is said to have, and (chunk id, digest, document) of all."""

    last: int
    said: dict[UUID, int]
    chunks: list[tuple[int, str, UUID]]

    @property
    def pairs(self) -> list[tuple[int, str]]:
        """(chunk id, digest) of each."""
        return [(pk, digest) for pk, digest, _ in self.chunks]


def pieces(index: Index, *, after: int = 0, size: int = CHUNKS) -> Iterator[Piece]:
    """The index's documents in the order in which they were put in, from behind the `last` of an earlier piece.

    One question to the database for about `size` chunks, however many documents have them. What is put in again comes
    again, and nothing is put in before the `last`: whoever does holds the row of the index (search.place).
    """
    for group in _groups(index, after, size):
        said = {document: chunks for _, document, chunks in group}
        chunks = Chunk.objects.filter(document__in=list(said), chunking=index.chunking_id)
        listed = chunks.order_by("document_id", "ordinal").values_list("pk", "digest", "document")
        yield Piece(group[-1][0], said, list(listed))


class Contents:
    """What should be in an index. The ids are read once, before an engine is asked; what it lacks is asked for anew."""

    def __init__(self, index: Index) -> None:
        self.index = index

    @cached_property
    def ids(self) -> np.ndarray:
        """(n,) int64, sorted: the chunks of the documents that are in the index and not deleted."""
        blocks = [np.empty(0, np.int64)]
        for group in _groups(self.index, 0, A_LOOK):
            living = self._living().filter(document__in=[document for _, document, _ in group])
            blocks.append(np.fromiter(living.values_list("pk", flat=True), np.int64))
        return np.sort(np.concatenate(blocks))

    def gone(self, chunk_ids: Sequence[int]) -> list[int]:
        """Those of the ids that are no chunks of this index's way of cutting any more: nothing will ever show them."""
        there = {
            pk for page in paged(chunk_ids) for pk in self._living().filter(pk__in=page).values_list("pk", flat=True)
        }
        return [pk for pk in chunk_ids if pk not in there]

    def still(self, chunk_ids: Sequence[int]) -> list[int]:
        """Those of the ids that belong into the index now, too: others may have been deleted meanwhile."""
        inside = self._living().filter(document__indexed_in__index=self.index)
        here = {pk for page in paged(chunk_ids) for pk in inside.filter(pk__in=page).values_list("pk", flat=True)}
        return [pk for pk in chunk_ids if pk in here]

    def pairs(self, among: np.ndarray, number: int | None) -> Iterator[list[tuple[int, str]]]:
        """Pages of (chunk id, digest) of so many of these ids, chosen by chance; None: of all."""
        if number is not None and number < len(among):
            among = np.sort(np.random.default_rng().choice(among, number, replace=False))
        for page in paged(among):
            yield list(self._living().filter(pk__in=page).values_list("pk", "digest"))

    def _living(self) -> QuerySet[Chunk]:
        return Chunk.objects.filter(chunking=self.index.chunking_id, document__deleted_at=None).order_by()


def paged(items: Sequence | np.ndarray, size: int = PAGE) -> Iterator[list]:
    """The items in lists of so many at the most."""
    for first in range(0, len(items), size):
        page = items[first : first + size]
        yield page.tolist() if isinstance(page, np.ndarray) else list(page)


def _groups(index: Index, after: int, size: int) -> Iterator[list[Row]]:
    inside = IndexedDocument.objects.filter(index=index).order_by("pk").values_list("pk", "document", "chunks")
    while rows := list(inside.filter(pk__gt=after)[:PAGE]):
        yield from _of_about(rows, size)
        after = rows[-1][0]


def _of_about(rows: Sequence[Row], size: int) -> Iterator[list[Row]]:
    group: list[Row] = []
    total = 0
    for row in rows:
        if group and total + row[2] > size:
            yield group
            group, total = [], 0
        group.append(row)
        total += row[2]
    yield group
