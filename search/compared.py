"""Keep the documents of a knowledge base that were compared at hand: small, and from one job to the next."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from uuid import UUID

import numpy as np
from django.db.models import QuerySet

from kb.models import KnowledgeBase
from search.models import DocumentSketch
from search.organising.resemble import PERMUTATIONS, estimate, short
from search.organising.versions import Mark, read_name

CACHE_BYTES = 60_000_000  # 200,000 documents; the knowledge base asked for longest ago goes first
PAGE = 2000  # sketches that are read together
FIRST_ROOM = 64


class Compared:
    """Rows of documents: signature, number of sequences, and what the name says. Some 300 bytes each.

    `last` is the key of the newest sketch that was read. A sketch that is made anew has a new key, so what came since
    is read by its key, and what went is noticed by the count.
    """

    def __init__(self, knowledge_base: KnowledgeBase) -> None:
        self.knowledge_base = knowledge_base
        self.last = 0
        self.documents: list[UUID] = []
        self.row_of: dict[UUID, int] = {}
        self.columns = np.zeros((PERMUTATIONS, FIRST_ROOM), np.uint8)
        self.sizes = np.zeros(FIRST_ROOM, np.int32)
        self.stems = np.zeros(FIRST_ROOM, np.uint64)
        self.dated = np.zeros(FIRST_ROOM, bool)
        self.waiting: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self.documents)

    @property
    def nbytes(self) -> int:
        return sum(each.nbytes for each in (self.columns, self.sizes, self.stems, self.dated))

    def refresh(self) -> None:
        """Read what came since, forget what went, and look what there is that was not compared yet."""
        living = DocumentSketch.objects.filter(
            document__knowledge_base=self.knowledge_base, document__deleted_at=None
        ).order_by("pk")
        self._read(living)
        if (number := living.count()) != len(self):
            self._leave(set(living.values_list("document", flat=True)))
            if number > len(self):
                self.last = 0  # one came with a lower key: of two workers at once
                self._read(living)
        uncompared = self.knowledge_base.documents.filter(deleted_at=None, sketch=None).values_list("name", flat=True)
        marks = map(read_name, uncompared.iterator(chunk_size=PAGE))
        self.waiting = Counter(_stem(mark) for mark in marks if mark.date)

    def _read(self, sketches: QuerySet[DocumentSketch]) -> None:
        rows = sketches.values_list("pk", "document", "document__name", "data", "shingles")
        while page := list(rows.filter(pk__gt=self.last)[:PAGE]):
            keys, documents, names, data, sizes = zip(*page, strict=True)
            signatures = np.frombuffer(b"".join(map(bytes, data)), "<u4").reshape(-1, PERMUTATIONS)
            self._put(documents, list(map(read_name, names)), signatures, np.array(sizes))
            self.last = keys[-1]

    def keep(self, document: UUID, mark: Mark, signature: np.ndarray, size: int, *, key: int) -> None:
        """A document with its (PERMUTATIONS,) uint32 signature, in the place of what was known of it.

        `key` is that of its sketch.
        """
        self._put([document], [mark], signature[None], np.array([size]))
        self.last = max(self.last, key)

    def _put(self, documents: Sequence[UUID], marks: Sequence[Mark], signatures: np.ndarray, sizes: np.ndarray) -> None:
        rows = [self._row(document, mark) for document, mark in zip(documents, marks, strict=True)]
        self.columns[:, rows] = short(signatures).T
        self.sizes[rows] = sizes
        self.stems[rows] = [_stem(mark) for mark in marks]
        self.dated[rows] = [bool(mark.date) for mark in marks]

    def _row(self, document: UUID, mark: Mark) -> int:
        """Its row; a new one where it has none."""
        row = self.row_of.setdefault(document, len(self.documents))
        if row == len(self.documents):
            self.documents.append(document)
            self.waiting[_stem(mark)] -= bool(mark.date)
            if row == len(self.sizes):
                self._make_room()
        return row

    def number_dated(self, mark: Mark) -> int:
        """How many documents have the same name but for a date, compared or not."""
        stem = _stem(mark)
        here = np.count_nonzero(self.dated[: len(self)] & (self.stems[: len(self)] == stem))
        return int(here) + max(0, self.waiting[stem])

    def likeness(self, signature: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each row its size, and what it shares with a text of this signature: together, contained."""
        sizes = self.sizes[: len(self)]
        return sizes, *estimate(short(signature), size, self.columns[:, : len(self)], sizes)

    def same_name(self, mark: Mark) -> np.ndarray:
        """The rows of the same name but for version and date, the earliest kept first."""
        return np.flatnonzero(self.stems[: len(self)] == _stem(mark)) if mark.stem else np.empty(0, np.int64)

    def _make_room(self) -> None:
        self.columns = np.concatenate([self.columns, np.zeros_like(self.columns)], axis=1)
        self.sizes = np.concatenate([self.sizes, np.zeros_like(self.sizes)])
        self.stems = np.concatenate([self.stems, np.zeros_like(self.stems)])
        self.dated = np.concatenate([self.dated, np.zeros_like(self.dated)])

    def _leave(self, living: set[UUID]) -> None:
        """Keep the rows of the documents that are there."""
        rows = [row for row, document in enumerate(self.documents) if document in living]
        self.documents = [self.documents[row] for row in rows]
        self.row_of = {document: row for row, document in enumerate(self.documents)}
        room = np.array(rows + [0] * max(0, FIRST_ROOM - len(rows)), np.int64)
        self.columns, self.sizes = self.columns[:, room], self.sizes[room]
        self.stems, self.dated = self.stems[room], self.dated[room]


def _stem(mark: Mark) -> int:
    """A number for what the name is about; 0 where it says nothing."""
    return int.from_bytes(blake2b(mark.stem.encode(), digest_size=8).digest(), "little") if mark.stem else 0


_kept: OrderedDict[UUID, Compared] = OrderedDict()
_one_at_a_time = threading.Lock()


def compared(knowledge_base: KnowledgeBase) -> Compared:
    """The documents of the knowledge base that were compared, as they are now; read anew only as far as need be."""
    with _one_at_a_time:
        known = _kept.pop(knowledge_base.pk, None) or Compared(knowledge_base)
    known.refresh()
    with _one_at_a_time:
        _kept[knowledge_base.pk] = known
        while len(_kept) > 1 and sum(one.nbytes for one in _kept.values()) > CACHE_BYTES:
            _kept.popitem(last=False)
    return known
