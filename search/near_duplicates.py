"""Find the documents of a knowledge base that nearly say the same."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import F, Q

from kb.models import Document, KnowledgeBase, Section
from search import families
from search.judge import Judgement, Named, is_later, judge
from search.models import DocumentSketch, DocumentVector, Resemblance
from search.organising_due import unsketched
from search.resemble import PERMUTATIONS, Shared, estimate, shared, shingles_of, signature_of
from search.vectors import decode
from search.versions import read_name

FEWEST = 20  # sequences: what is shorter is like many a text by chance
MARGIN = 0.15  # that an estimate may be below the truth (five standard deviations)
CANDIDATES = 12  # that are read again and compared exactly
MOST = 8  # a document that is like more others than that is a form that was filled in, not a version
State = Resemblance.State


@dataclass
class _Known:
    """A document that was compared before."""

    pk: UUID
    named: Named
    size: int


def compare_new(knowledge_base: KnowledgeBase, progress: Callable[[int, int], object] = lambda n, of: None) -> int:
    """Compare what was not compared yet with all else; returns how many documents that were.

    Every document is done for good, in a transaction of its own: what is interrupted goes on from there.
    """
    waiting = list(unsketched(knowledge_base.documents.all()).order_by("created_at", "pk"))
    if not waiting:
        return 0
    shelf = _Shelf(knowledge_base)
    for done, document in enumerate(waiting):
        progress(done, len(waiting))
        shelf.add(document)
    families.settle(knowledge_base)
    return len(waiting)


class _Shelf:
    """The compared documents of a knowledge base: their signatures as one matrix."""

    def __init__(self, knowledge_base: KnowledgeBase) -> None:
        self.known: dict[UUID, _Known] = {}
        self.by_stem: dict[str, list[UUID]] = defaultdict(list)
        self.dated = _dated_by_stem(knowledge_base)
        self.rows: list[UUID] = []
        self.signatures = np.zeros((64, PERMUTATIONS), np.uint32)
        sketches = DocumentSketch.objects.filter(
            document__knowledge_base=knowledge_base, document__deleted_at=None
        ).select_related("document")
        for sketch in sketches.iterator(chunk_size=500):
            self._keep(sketch.document, np.frombuffer(bytes(sketch.data), "<u4"), sketch.shingles)

    def _keep(self, document: Document, signature: np.ndarray, size: int) -> None:
        known = _Known(document.pk, _named(document), size)
        if document.pk not in self.known:
            self.by_stem[known.named.mark.stem].append(document.pk)
            if len(self.rows) == len(self.signatures):
                self.signatures = np.concatenate([self.signatures, np.zeros_like(self.signatures)])
            self.rows.append(document.pk)
            self.signatures[len(self.rows) - 1] = signature
        else:
            self.signatures[self.rows.index(document.pk)] = signature
        self.known[document.pk] = known

    def add(self, document: Document) -> None:
        """Compare a document with all that are here, keep what is found, and put it to them."""
        shingles = shingles_of(_texts(document.pk))
        signature = signature_of(shingles)
        found = list(self._found(document, shingles, signature)) if len(shingles) >= FEWEST else []
        with transaction.atomic():
            _forget_undecided(document)
            for pair in found:
                _keep_pair(pair)
            DocumentSketch.objects.update_or_create(
                document=document,
                defaults={
                    "data": signature.astype("<u4").tobytes(),
                    "shingles": len(shingles),
                    "made_for": document.ready_at or document.created_at,
                },
            )
        self._keep(document, signature, len(shingles))

    def _found(self, document: Document, shingles: np.ndarray, signature: np.ndarray) -> Iterator[Resemblance]:
        me = _named(document)
        found = []
        for pk in self._candidates(document, me, signature, len(shingles)):
            share = shared(shingles, shingles_of(_texts(pk)))
            verdict = judge(me, self.known[pk].named, share, dated=self.dated[me.mark.stem])
            if verdict is not Judgement.NOTHING:
                found.append((verdict, pk, share))
        by_chance = [one for one in found if one[0] is Judgement.ALIKE]
        for verdict, pk, share in found:
            if verdict is Judgement.VERSION or len(by_chance) <= MOST:
                yield self._pair(document, me, pk, verdict, share)

    def _candidates(self, document: Document, me: Named, signature: np.ndarray, size: int) -> list[UUID]:
        """Those worth reading again: the likest by their signatures, and those of the same name."""
        if not self.rows:
            return []
        sizes = np.array([self.known[pk].size for pk in self.rows])
        together, contained = estimate(signature, size, self.signatures[: len(self.rows)], sizes)
        longer = np.maximum(sizes, size) / np.maximum(np.minimum(sizes, size), 1)
        likeness = np.maximum(together, np.where(longer <= 5, contained - 0.1, 0.0))
        likeness[sizes < FEWEST] = 0.0
        best = [self.rows[n] for n in np.argsort(-likeness)[:CANDIDATES] if likeness[n] >= 0.6 - MARGIN]
        same = self.by_stem[me.mark.stem][-CANDIDATES:] if me.mark.stem else []
        usable = (pk for pk in same if self.known[pk].size >= FEWEST)
        return [pk for pk in dict.fromkeys([*best, *usable]) if pk != document.pk]

    def _pair(self, document: Document, me: Named, pk: UUID, verdict: Judgement, share: Shared) -> Resemblance:
        later, earlier = (document.pk, pk) if is_later(me, self.known[pk].named) else (pk, document.pk)
        state = State.VERSION if verdict is Judgement.VERSION else State.SUGGESTED
        return Resemblance(
            later_id=later, earlier_id=earlier, shared=share.together, contained=share.contained, state=state,
            similarity=_cosine(later, earlier),
        )  # fmt: skip


def _named(document: Document) -> Named:
    return Named(
        read_name(document.name), document.name, document.folder, (document.created_at, str(document.pk))
    )  # the id decides between two of one moment


def _dated_by_stem(knowledge_base: KnowledgeBase) -> dict[str, int]:
    """How many documents have the same name but for a date, compared or not."""
    counts: dict[str, int] = defaultdict(int)
    for name in knowledge_base.documents.filter(deleted_at=None).values_list("name", flat=True).iterator():
        mark = read_name(name)
        counts[mark.stem] += bool(mark.date)
    return counts


def _texts(pk: UUID) -> Iterator[str]:
    return Section.objects.filter(document=pk).order_by("ordinal").values_list("text", flat=True).iterator()


def _forget_undecided(document: Document) -> None:
    """What was found of an earlier text of this document, unless a person has decided about it."""
    mine = Q(later=document) | Q(earlier=document)
    Resemblance.objects.filter(mine, decided_by_person=False).delete()


def _keep_pair(pair: Resemblance) -> None:
    """A pair that a person has decided about, in either order, stays as it is."""
    either = Q(later=pair.later_id, earlier=pair.earlier_id) | Q(later=pair.earlier_id, earlier=pair.later_id)
    if not Resemblance.objects.filter(either).exists():
        pair.save()


def _cosine(one: UUID, other: UUID) -> float | None:
    """Of the whole documents, where one preset has read both."""
    rows = DocumentVector.objects.filter(document__in=(one, other)).order_by(F("preset").desc())
    by_preset: dict[int, list[bytes]] = defaultdict(list)
    for preset, data in rows.values_list("preset", "data"):
        by_preset[preset].append(bytes(data))
    for pair in by_preset.values():
        if len(pair) == 2:
            first, second = decode(pair, len(pair[0]) // 4)
            return float(first @ second)
    return None
