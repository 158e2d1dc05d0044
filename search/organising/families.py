"""Versions of one document: who supersedes whom, in which order, and what people decide about it."""

from collections.abc import Collection, Iterable
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from kb.models import Document, KnowledgeBase
from search.models import Resemblance

State = Resemblance.State
Edge = tuple[UUID, UUID]  # later, earlier


@transaction.atomic
def settle(knowledge_base: KnowledgeBase) -> None:
    """Make every document's `superseded_by` what the pairs that are versions say: the newest living of its family.

    Deleted members hold their family together until it is settled: then those around them are joined.
    """
    edges = _edges(knowledge_base)
    documents = _documents(edges)
    wanted: dict[UUID, UUID] = {}
    for family in _families(edges):
        order = [pk for pk in _ordered(family, edges, documents) if documents[pk].deleted_at is None]
        _join(order, edges)
        if order:
            wanted.update(dict.fromkeys(order[:-1], order[-1]))
    _write(knowledge_base, wanted)


def _edges(knowledge_base: KnowledgeBase) -> set[Edge]:
    pairs = Resemblance.objects.filter(later__knowledge_base=knowledge_base, state=State.VERSION)
    return set(pairs.values_list("later", "earlier"))


def _documents(edges: Collection[Edge]) -> dict[UUID, Document]:
    wanted = list({pk for edge in edges for pk in edge})
    found: dict[UUID, Document] = {}
    for first in range(0, len(wanted), 500):
        part = Document.objects.filter(pk__in=wanted[first : first + 500])
        found.update(part.only("created_at", "deleted_at").in_bulk())
    return found


def _families(edges: Iterable[Edge]) -> list[set[UUID]]:
    """Documents that hang together."""
    family_of: dict[UUID, set[UUID]] = {}
    for later, earlier in edges:
        one, other = family_of.get(later, {later}), family_of.get(earlier, {earlier})
        if one is not other:
            one |= other
        family_of.update(dict.fromkeys(one, one))
    return list({id(family): family for family in family_of.values()}.values())


def _ordered(family: Iterable[UUID], edges: Collection[Edge], documents: dict[UUID, Document]) -> list[UUID]:
    """Oldest first: as the pairs say, and among those that no pair orders, as they were uploaded."""
    members = sorted(family, key=lambda pk: (documents[pk].created_at, str(pk)))
    before: dict[UUID, list[UUID]] = {pk: [] for pk in members}
    for later, earlier in edges:
        if later in before and earlier in before:
            before[later].append(earlier)
    sorter = TopologicalSorter(before)
    try:
        sorter.prepare()
    except CycleError:  # people may say so: then the uploads decide
        return members
    order: list[UUID] = []
    ready: list[UUID] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=members.index)
        order.append(ready.pop(0))
        sorter.done(order[-1])
    return order


def _join(order: Collection[UUID], edges: Collection[Edge]) -> None:
    """Pairs between neighbours, where a deleted one stood between them."""
    for earlier, later in pairwise(order):
        if (later, earlier) not in edges:
            values = {"state": State.VERSION, "decided_by_person": True}
            Resemblance.objects.update_or_create(
                later_id=later, earlier_id=earlier, defaults=values, create_defaults={**values, "shared": 0.0}
            )


def _write(knowledge_base: KnowledgeBase, wanted: dict[UUID, UUID]) -> None:
    has = dict(
        Document.objects.filter(knowledge_base=knowledge_base, superseded_by__isnull=False).values_list(
            "pk", "superseded_by"
        )
    )
    for pk in has.keys() | wanted.keys():
        if has.get(pk) != wanted.get(pk):
            Document.objects.filter(pk=pk).update(superseded_by=wanted.get(pk))


@transaction.atomic
def confirm(pair: Resemblance, *, swap: bool = False) -> None:
    """A person says that it is a new version; with `swap`, that it is the earlier one of the two."""
    if swap:
        Resemblance.objects.filter(later=pair.earlier, earlier=pair.later).exclude(pk=pair.pk).delete()
        pair.later, pair.earlier = pair.earlier, pair.later
    pair.state, pair.decided_by_person = State.VERSION, True
    pair.save()
    settle(pair.later.knowledge_base)


@transaction.atomic
def refuse(pair: Resemblance) -> None:
    """A person says that it is no new version: the later one leaves the family, which stays together without it."""
    if pair.state == State.VERSION:
        _leave(pair.later)
    Resemblance.objects.filter(pk=pair.pk).update(state=State.DISMISSED, decided_by_person=True)
    settle(pair.later.knowledge_base)


def _leave(document: Document) -> None:
    edges = _edges(document.knowledge_base)
    family = next((each for each in _families(edges) if document.pk in each), {document.pk})
    order = _ordered(family, edges, _documents(edges))
    mine = Q(later=document) | Q(earlier=document)
    Resemblance.objects.filter(mine, state=State.VERSION).update(state=State.DISMISSED, decided_by_person=True)
    _join([pk for pk in order if pk != document.pk], edges)


def history_of(document: Document) -> list[Document]:
    """All living versions of a document, the oldest first; [] where it has no other."""
    newest = document.superseded_by or document
    family = [*newest.supersedes.filter(deleted_at=None), newest]
    if len(family) == 1:
        return []
    members = {each.pk: each for each in family}
    pairs = Resemblance.objects.filter(later__in=members, earlier__in=members, state=State.VERSION)
    order = _ordered(members, set(pairs.values_list("later", "earlier")), members)
    order.append(order.pop(order.index(newest.pk)))
    return [members[pk] for pk in order]
