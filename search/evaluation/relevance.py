"""What is to be found for a saved question, and at which place a ranking has it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.db.models import QuerySet

from kb.models import Document, Section
from search.models import Question, Relevant
from search.passage import Passage, Twin

MOST_VERSIONS = 20  # a chain of newer versions is followed no farther
TEXTS = 8  # documents whose text is remembered


@dataclass(frozen=True)
class Place:
    """A document, or [start, end) of its text."""

    document_id: UUID
    start: int | None = None
    end: int | None = None

    def is_in(self, passage: Passage) -> bool:
        """Whether the passage, or one that says the same and was folded into it, has some of this place."""
        return self._meets(passage) or any(map(self._meets, passage.twins))

    def _meets(self, one: Passage | Twin) -> bool:
        if one.document_id != self.document_id:
            return False
        return self.start is None or self.end is None or (one.start < self.end and self.start < one.end)


@dataclass(frozen=True)
class Target:
    """One relevant thing: found when any of its places is. The newest version of a document stands for the older."""

    grade: int
    places: tuple[Place, ...]


def ranks_of(targets: Sequence[Target], passages: Sequence[Passage]) -> tuple[int | None, ...]:
    """For each target the place, from 1, of the first passage that has it."""
    return tuple(_rank(target, passages) for target in targets)


def _rank(target: Target, passages: Sequence[Passage]) -> int | None:
    return next(
        (rank for rank, passage in enumerate(passages, 1) if any(place.is_in(passage) for place in target.places)), None
    )


def targets_of(questions: QuerySet[Question]) -> dict[int, tuple[Target, ...]]:
    """Question -> what is relevant to it and still there. Questions for which nothing is left are not in it."""
    relevant = list(
        Relevant.objects.filter(question__in=questions, document__deleted_at=None, grade__gt=0)
        .select_related("document")
        .order_by("document", "pk")
    )
    versions = _newer_versions({one.document for one in relevant})
    read = lru_cache(TEXTS)(text_of)
    found: defaultdict[int, list[Target]] = defaultdict(list)
    for one in relevant:
        places = [place_of(one, read), *(_in_newer(one, newer, read) for newer in versions[one.document_id])]
        found[one.question_id].append(Target(one.grade, tuple(place for place in places if place)))
    return {question: tuple(targets) for question, targets in found.items()}


def _newer_versions(documents: Iterable[Document]) -> dict[UUID, list[UUID]]:
    """Document -> the living documents that superseded it, one after the other."""
    follows = {one.pk: one.superseded_by_id for one in documents}
    waiting = {pk for pk in follows.values() if pk} - set(follows)
    for _ in range(MOST_VERSIONS):
        if not waiting:
            break
        more = Document.objects.filter(pk__in=waiting, deleted_at=None).values_list("pk", "superseded_by")
        follows |= dict(more)
        waiting = {pk for _, pk in more if pk} - set(follows)
    return {one.pk: _chain(one.pk, follows) for one in documents}


def _chain(pk: UUID, follows: dict[UUID, UUID | None]) -> list[UUID]:
    chain: list[UUID] = []
    following = follows[pk]
    while following in follows and following not in chain and following != pk:
        chain.append(following)
        following = follows[following]
    return chain


def place_of(relevant: Relevant, read: Callable[[UUID], str] | None = None) -> Place:
    """Where the quoted passage stands now: a document that was parsed anew may have it elsewhere.

    One whose text no longer has it is relevant as a whole, so that the question is not lost.
    """
    if relevant.start is None or relevant.end is None:
        return Place(relevant.document_id)
    if not relevant.quote:
        return Place(relevant.document_id, relevant.start, relevant.end)
    text = (read or text_of)(relevant.document_id)
    if text[relevant.start : relevant.end] == relevant.quote:
        return Place(relevant.document_id, relevant.start, relevant.end)
    return _found(relevant.document_id, relevant.quote, text) or Place(relevant.document_id)


def _in_newer(relevant: Relevant, newer: UUID, read: Callable[[UUID], str]) -> Place | None:
    """The same passage in a newer version; None where that says something else there."""
    if relevant.start is None:
        return Place(newer)
    return _found(newer, relevant.quote, read(newer)) if relevant.quote else None


def _found(document_id: UUID, quote: str, text: str) -> Place | None:
    start = text.find(quote)
    return Place(document_id, start, start + len(quote)) if start >= 0 else None


def text_of(document_id: UUID) -> str:
    """The document's text: its sections, joined by two line ends."""
    return "\n\n".join(Section.objects.filter(document=document_id).order_by("ordinal").values_list("text", flat=True))
