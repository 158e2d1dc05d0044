"""The generations of a knowledge base's index: which one answers, and which is begun."""

import logging
from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from kb.models import Document, KnowledgeBase, Section
from search.embedders import EmbeddingError
from search.generations.wanted import Shape, chunking_for, shape_for, shape_of
from search.models import EvaluationRun, Index, IndexedDocument, Preset, Refusal, SearchSettings
from search.presets.chosen import default_preset

log = logging.getLogger(__name__)
State = Index.State
MAKING = (State.BUILDING, State.BUILT)  # beside the one that serves
UNFINISHED = (EvaluationRun.State.QUEUED, EvaluationRun.State.RUNNING)
FILLED = (*MAKING, State.SERVING)  # what a new document goes into; the previous one stays as it was


def serving_index(knowledge_base: KnowledgeBase) -> Index:
    """The index that answers for this knowledge base; the first one is made here. Raises EmbeddingError."""
    found = _with_parts(Index.objects.filter(knowledge_base=knowledge_base, state=State.SERVING)).first()
    return found or _first_index(knowledge_base)


def _with_parts(indexes: QuerySet[Index]) -> QuerySet[Index]:
    return indexes.select_related("preset", "chunking", "knowledge_base")


def _first_index(knowledge_base: KnowledgeBase) -> Index:
    shape = shape_for(knowledge_base)
    try:
        with transaction.atomic():
            return _made(knowledge_base, shape, state=State.SERVING, served_at=timezone.now())
    except IntegrityError:  # another process was first
        return _with_parts(Index.objects.all()).get(knowledge_base=knowledge_base, state=State.SERVING)


def _made(knowledge_base: KnowledgeBase, shape: Shape, **fields) -> Index:
    return Index.objects.create(
        knowledge_base=knowledge_base, preset=shape.preset, chunking=chunking_for(knowledge_base, shape),
        dimension=shape.dimension, query_instruction=shape.query_instruction, begun_at=timezone.now(), **fields,
    )  # fmt: skip


def on_trial() -> QuerySet[Index]:
    """Those that are built for an evaluation that is not finished, in the order in which that is done."""
    built = Index.objects.filter(state=State.TRIAL, trial__state__in=UNFINISHED, knowledge_base__deleted_at=None)
    return _with_parts(built).order_by("begun_at", "pk")


def in_the_making(knowledge_base: KnowledgeBase) -> Index | None:
    """The generation that is being built, or is built and waits to be put to use."""
    return _with_parts(Index.objects.filter(knowledge_base=knowledge_base, state__in=MAKING)).order_by("-pk").first()


def previous_index(knowledge_base: KnowledgeBase) -> Index | None:
    """The generation that can be gone back to."""
    return _with_parts(Index.objects.filter(knowledge_base=knowledge_base, state=State.PREVIOUS)).first()


def living() -> list[Index]:
    """Every index that is not retired, of knowledge bases that are not deleted, with its settings: one query."""
    used = Index.objects.exclude(state=State.RETIRED).filter(knowledge_base__deleted_at=None)
    return list(_with_parts(used).select_related("knowledge_base__search_settings__preset").order_by("pk"))


def outdated(indexes: Iterable[Index]) -> list[KnowledgeBase]:
    """Of these `living` indexes, the knowledge bases that have not what their settings ask for, or more than that."""
    return list(dict.fromkeys(index.knowledge_base for index in indexes if _is_outdated(index)))


def _is_outdated(index: Index) -> bool:
    """A serving index that is not wanted, or one in the making that is not, is either missing or too many."""
    if index.state not in FILLED:
        return False
    try:
        return shape_of(index) != shape_for(index.knowledge_base, _settings(index.knowledge_base))
    except EmbeddingError:  # the installation's model is away: what serves stays
        return False


def _settings(knowledge_base: KnowledgeBase) -> SearchSettings:
    """As they were read with the knowledge base."""
    try:
        return knowledge_base.search_settings
    except SearchSettings.DoesNotExist:
        return SearchSettings(knowledge_base=knowledge_base)


def start_wanted(knowledge_base: KnowledgeBase) -> Index | None:
    """Begin the generation that the settings ask for, unless it serves or is in the making; retire others that are.

    Raises EmbeddingError where the installation's model is asked for and is not on this machine.
    """
    shape = shape_for(knowledge_base)
    with transaction.atomic():
        KnowledgeBase.objects.select_for_update().get(pk=knowledge_base.pk)
        serves = shape_of(serving_index(knowledge_base)) == shape
        making = list(_with_parts(Index.objects.filter(knowledge_base=knowledge_base, state__in=MAKING)))
        same = None if serves else next((index for index in making if shape_of(index) == shape), None)
        others = [index.pk for index in making if index != same]
        Index.objects.filter(pk__in=others).update(state=State.RETIRED, retired_at=timezone.now())
        return None if serves else same or _adopted(knowledge_base, shape) or _made(knowledge_base, shape)


def _adopted(knowledge_base: KnowledgeBase, shape: Shape) -> Index | None:
    """One of this shape that was built to be measured and has been: what it lacks since is put into it."""
    measured = Index.objects.filter(knowledge_base=knowledge_base, state=State.TRIAL).exclude(
        trial__state__in=UNFINISHED
    )
    for index in _with_parts(measured):
        if shape_of(index) == shape:
            index.state, index.trial, index.begun_at, index.built_at = State.BUILDING, None, timezone.now(), None
            index.save(update_fields=["state", "trial", "begun_at", "built_at"])
            return index
    return None


def serving_presets() -> list[Preset]:
    """Of the indexes that answer, those of the most first; the installation's own where there is none yet.

    Raises EmbeddingError where that one is not on this machine.
    """
    serving = Q(indexes__state=State.SERVING, indexes__knowledge_base__deleted_at=None)
    used = Preset.objects.annotate(number=Count("indexes", filter=serving)).filter(number__gt=0)
    return list(used.order_by("-number", "pk")) or [default_preset()]


def used_presets() -> list[Preset]:
    """Those of every index that is not retired."""
    return list(Preset.objects.filter(pk__in=Index.objects.exclude(state=State.RETIRED).values("preset")))


def lacking(index: Index) -> QuerySet[Document]:
    """The finished documents that are not in this index yet, in an order that says nothing of their length.

    Those that its model refuses are not among them (search.generations.refusals).
    """
    done = IndexedDocument.objects.filter(index=index, document=OuterRef("pk"))
    refused = Refusal.objects.filter(
        index=index, document=OuterRef("pk"), at__gte=Coalesce(OuterRef("ready_at"), OuterRef("created_at"))
    )
    text = Section.objects.filter(document=OuterRef("pk"))
    return Document.objects.filter(
        ~Exists(done), ~Exists(refused), Exists(text), knowledge_base=index.knowledge_base_id, deleted_at=None,
        status=Document.Status.READY,
    ).order_by("pk")  # fmt: skip


def suspend(index: Index) -> None:
    """Stop asking the vector store for this index: search is exact until the reconciler has rebuilt it."""
    if Index.objects.filter(pk=index.pk, store_ready=True).update(store_ready=False):
        log.warning("The nearest-neighbour index of %s does not answer rightly; it will be rebuilt.", index)
    index.store_ready = False
