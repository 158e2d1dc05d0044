"""The life of an index: which one a knowledge base wants, has, and switches to."""

import logging

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from kb.models import Chunking, Document, KnowledgeBase
from search.models import Index, IndexedDocument, Preset
from search.presets import default_preset

log = logging.getLogger(__name__)


def wanted(knowledge_base: KnowledgeBase) -> tuple[Preset, Chunking]:
    """With which model, and cut how, this knowledge base's documents are to be indexed by its settings."""
    preset = default_preset()
    return preset, _chunking(knowledge_base, preset)


def _chunking(knowledge_base: KnowledgeBase, preset: Preset) -> Chunking:
    tokens, overlap = _lengths(knowledge_base, preset)
    return Chunking.objects.get_or_create(
        knowledge_base=knowledge_base, tokenizer=preset.model, tokens=tokens, overlap=overlap
    )[0]


def serving_index(knowledge_base: KnowledgeBase) -> Index:
    """The index that answers for this knowledge base; the first one is made here."""
    index = Index.objects.filter(knowledge_base=knowledge_base, state=Index.State.SERVING).first()
    return index or _first_index(knowledge_base)


def _first_index(knowledge_base: KnowledgeBase) -> Index:
    preset, chunking = wanted(knowledge_base)
    try:
        with transaction.atomic():
            return Index.objects.create(
                knowledge_base=knowledge_base,
                preset=preset,
                chunking=chunking,
                dimension=preset.dimension,
                query_instruction=preset.query_instruction,
                state=Index.State.SERVING,
                served_at=timezone.now(),
            )
    except IntegrityError:  # another process was first
        return Index.objects.get(knowledge_base=knowledge_base, state=Index.State.SERVING)


def filled_indexes(knowledge_base: KnowledgeBase) -> list[Index]:
    """The indexes that a new document goes into: the serving one, and the one being built if there is one."""
    serving_index(knowledge_base)
    return list(
        Index.objects.filter(knowledge_base=knowledge_base)
        .exclude(state=Index.State.RETIRED)
        .select_related("preset", "chunking", "knowledge_base")
        .order_by("pk")
    )


def outdated() -> list[KnowledgeBase]:
    """The knowledge bases whose serving index is not what their settings ask for, or that have one in the making."""
    preset = default_preset()
    used = Index.objects.exclude(state=Index.State.RETIRED).filter(knowledge_base__deleted_at=None)
    return list(
        dict.fromkeys(
            index.knowledge_base
            for index in used.select_related("knowledge_base", "chunking").order_by("pk")
            if index.state == Index.State.BUILDING or not _is_wanted(index, preset)
        )
    )


def _is_wanted(index: Index, preset: Preset) -> bool:
    chunking = index.chunking
    return (index.preset_id, chunking.tokenizer, chunking.tokens, chunking.overlap) == (
        preset.pk, preset.model, *_lengths(index.knowledge_base, preset),
    )  # fmt: skip


def _lengths(knowledge_base: KnowledgeBase, preset: Preset) -> tuple[int, int]:
    """Passage length and overlap in tokens, as far as the model allows."""
    overlap = min(knowledge_base.chunk_overlap, knowledge_base.chunk_tokens // 2)
    return min(knowledge_base.chunk_tokens, preset.max_tokens), overlap


def start_wanted(knowledge_base: KnowledgeBase) -> Index | None:
    """Begin a new generation if the settings ask for another than the one that serves or is being built."""
    serving, (preset, chunking) = serving_index(knowledge_base), wanted(knowledge_base)
    building = Index.objects.filter(knowledge_base=knowledge_base, state=Index.State.BUILDING)
    if (serving.preset_id, serving.chunking_id) == (preset.pk, chunking.pk):
        building.update(state=Index.State.RETIRED)  # changed back before it was done
        return None
    same = building.filter(preset=preset, chunking=chunking).first()
    if same:
        return same
    with transaction.atomic():
        building.update(state=Index.State.RETIRED)
        return Index.objects.create(
            knowledge_base=knowledge_base, preset=preset, chunking=chunking, dimension=preset.dimension,
            query_instruction=preset.query_instruction,
        )  # fmt: skip


def lacking(index: Index) -> QuerySet[Document]:
    """The finished documents that are not in this index yet."""
    done = IndexedDocument.objects.filter(index=index, document=OuterRef("pk"))
    return Document.objects.filter(
        ~Exists(done), knowledge_base=index.knowledge_base, deleted_at=None, status=Document.Status.READY,
        sections__isnull=False,
    ).distinct()  # fmt: skip


def switch_to(index: Index) -> bool:
    """Let this index serve, in one transaction, if every finished document is in it; the old one retires."""
    with transaction.atomic():
        locked = Index.objects.select_for_update().filter(pk=index.pk, state=Index.State.BUILDING).first()
        if locked is None or lacking(locked).exists():
            return False
        Index.objects.filter(knowledge_base=index.knowledge_base, state=Index.State.SERVING).update(
            state=Index.State.RETIRED
        )
        Index.objects.filter(pk=index.pk).update(state=Index.State.SERVING, served_at=timezone.now())
    log.info("Index %s serves %s now.", index.pk, index.knowledge_base)
    return True


def suspend(index: Index) -> None:
    """Stop asking the vector store for this index: search is exact until the reconciler has rebuilt it."""
    if Index.objects.filter(pk=index.pk, store_ready=True).update(store_ready=False):
        log.warning("The nearest-neighbour index of %s does not answer rightly; it will be rebuilt.", index)
    index.store_ready = False
