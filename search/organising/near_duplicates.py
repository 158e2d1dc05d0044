"""Find the documents of a knowledge base that nearly say the same."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import F, Q

from kb.models import Document, KnowledgeBase, Section
from search.compared import Compared, compared
from search.models import DocumentSketch, DocumentVector, Resemblance
from search.organising import families
from search.organising.due import unsketched
from search.organising.judge import Judgement, Named, is_later, judge
from search.organising.resemble import Shared, shared, shingles_of, signature_of
from search.organising.versions import read_name
from search.vectors import decode

FEWEST = 20  # sequences: what is shorter is like many a text by chance
MARGIN = 0.15  # that an estimate may be below the truth (five standard deviations)
CANDIDATES = 12  # that are read again and compared exactly
MOST = 8  # a document that is like more others than that is a form that was filled in, not a version
State = Resemblance.State


def compare_new(knowledge_base: KnowledgeBase, progress: Callable[[int, int], object] = lambda n, of: None) -> int:
    """Compare what was not compared yet with all else; returns how many documents that were.

    Every document is done for good, in a transaction of its own: what is interrupted goes on from there.
    """
    documents = unsketched(knowledge_base.documents.all()).order_by("created_at", "pk")
    waiting = list(documents.values_list("pk", flat=True))
    if not waiting:
        return 0
    comparison = _Comparison(compared(knowledge_base))
    for done, pk in enumerate(waiting):
        progress(done, len(waiting))
        if document := knowledge_base.documents.filter(pk=pk, deleted_at=None).first():
            comparison.add(document)
    families.settle(knowledge_base)
    return len(waiting)


class _Comparison:
    """Of documents with those that were compared before."""

    def __init__(self, known: Compared) -> None:
        self.known = known

    def add(self, document: Document) -> None:
        """Compare a document with all that are known, keep what is found, and put it to them."""
        shingles = shingles_of(_texts(document.pk))
        signature = signature_of(shingles)
        found = list(self._found(document, shingles, signature)) if len(shingles) >= FEWEST else []
        with transaction.atomic():
            _forget_undecided(document)
            for pair in found:
                _keep_pair(pair)
            DocumentSketch.objects.filter(document=document).delete()  # a new one has a new key: others notice it
            sketch = DocumentSketch.objects.create(
                document=document, data=signature.astype("<u4").tobytes(), shingles=len(shingles),
                made_for=document.ready_at or document.created_at,
            )  # fmt: skip
        self.known.keep(document.pk, read_name(document.name), signature, len(shingles), key=sketch.pk)

    def _found(self, document: Document, shingles: np.ndarray, signature: np.ndarray) -> Iterator[Resemblance]:
        me = _named(document)
        dated = self.known.number_dated(me.mark)
        found = []
        for other in self._candidates(document, me, signature, len(shingles)):
            share = shared(shingles, shingles_of(_texts(other.pk)))
            verdict = judge(me, _named(other), share, dated=dated)
            if verdict is not Judgement.NOTHING:
                found.append((verdict, other, share))
        by_chance = [one for one in found if one[0] is Judgement.ALIKE]
        for verdict, other, share in found:
            if verdict is Judgement.VERSION or len(by_chance) <= MOST:
                yield _pair(document, other, verdict, share)

    def _candidates(self, document: Document, me: Named, signature: np.ndarray, size: int) -> list[Document]:
        """Those worth reading again: the likest by their signatures, and those of the same name."""
        sizes, together, contained = self.known.likeness(signature, size)
        longer = np.maximum(sizes, size) / np.maximum(np.minimum(sizes, size), 1)
        likeness = np.maximum(together, np.where(longer <= 5, contained - 0.1, 0.0))
        likeness[sizes < FEWEST] = 0.0
        enough = np.flatnonzero(likeness >= 0.6 - MARGIN)
        likest = enough[np.argsort(-likeness[enough], kind="stable")[:CANDIDATES]]
        same = [row for row in self.known.same_name(me.mark)[-CANDIDATES:] if sizes[row] >= FEWEST]
        keys = [self.known.documents[row] for row in dict.fromkeys([*likest, *same])]
        there = document.knowledge_base.documents.filter(deleted_at=None).in_bulk(keys)
        return [there[pk] for pk in keys if pk in there and pk != document.pk]


def _pair(document: Document, other: Document, verdict: Judgement, share: Shared) -> Resemblance:
    later, earlier = (document, other) if is_later(_named(document), _named(other)) else (other, document)
    state = State.VERSION if verdict is Judgement.VERSION else State.SUGGESTED
    return Resemblance(
        later_id=later.pk, earlier_id=earlier.pk, shared=share.together, contained=share.contained, state=state,
        similarity=_cosine(later.pk, earlier.pk),
    )  # fmt: skip


def _named(document: Document) -> Named:
    return Named(
        read_name(document.name), document.name, document.folder, (document.created_at, str(document.pk))
    )  # the id decides between two of one moment


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
