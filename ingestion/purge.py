"""Remove every trace of what was deleted: chunks, vectors, entries in the indexes, originals, page pictures."""

import logging
import shutil
import time

from django.conf import settings

from kb.files import kept_before
from kb.models import Chunk, Chunking, Document, KnowledgeBase
from search.forget import forget_unused
from search.keywords import KeywordError, open_keywords
from search.models import Citation, DocumentVector, Index, IndexedDocument, PartVector, TaskVector
from search.place import take_out
from search.stores import StoreError, open_store

log = logging.getLogger(__name__)
AN_HOUR = 3600.0
DOCUMENTS_A_SWEEP = 100


def purge_deleted() -> None:
    """One sweep over what people deleted, and over indexes that retired."""
    for knowledge_base in KnowledgeBase.objects.exclude(deleted_at=None):
        Document.objects.filter(knowledge_base=knowledge_base, deleted_at=None).update(
            deleted_at=knowledge_base.deleted_at, worker="", lease_until=None
        )
    for document in Document.objects.exclude(deleted_at=None).select_related("knowledge_base")[:DOCUMENTS_A_SWEEP]:
        purge_document(document)
    for index in Index.objects.filter(state=Index.State.RETIRED).select_related("chunking", "preset", "knowledge_base"):
        purge_index(index)
    for knowledge_base in KnowledgeBase.objects.exclude(deleted_at=None):
        if not knowledge_base.documents.exists():
            for index in knowledge_base.indexes.all():
                purge_index(index)
            knowledge_base.delete()


def purge_document(document: Document) -> None:
    """The derived entries first, the rows last: what is interrupted is begun again by the next sweep.

    What came in it goes before it, with its own traces: the database would delete its rows along.
    """
    for child in document.children.select_related("knowledge_base"):
        purge_document(child)
    IndexedDocument.objects.filter(document=document).delete()
    chunks = list(document.chunks.values_list("pk", "digest"))
    take_out(list(document.knowledge_base.indexes.all()), [pk for pk, _ in chunks])
    Citation.objects.filter(document=document).update(text="", marks=[], boxes=[], heading_path=[])
    sha256 = document.sha256
    document.delete()
    forget_unused(digest for _, digest in chunks)
    if not Document.objects.filter(sha256=sha256).exists():
        shutil.rmtree(settings.KB_DATA / "pages" / sha256, ignore_errors=True)


def purge_index(index: Index) -> None:
    """Drop a retired index's collection and words, and the chunks and vectors that no other index uses."""
    if not drop_derived(index):
        return
    chunking, preset, base = index.chunking, index.preset, index.knowledge_base
    index.delete()
    digests = set(Chunk.objects.filter(chunking=chunking).values_list("digest", flat=True))
    if not Index.objects.filter(chunking=chunking).exists():
        Chunking.objects.filter(pk=chunking.pk).delete()
    if not Index.objects.filter(chunking=chunking, preset=preset).exists():
        forget_unused(digests)
    if not Index.objects.filter(knowledge_base=base, preset=preset).exists():
        for model in (DocumentVector, PartVector, TaskVector):
            model.objects.filter(document__knowledge_base=base, preset=preset).delete()


def drop_derived(index: Index) -> bool:
    """Drop what the vector store and the keyword index hold of it; False where they do not answer."""
    try:
        open_store().drop(index.collection)
        open_keywords().remove_index(index.pk)
    except (StoreError, KeywordError):
        log.warning("%s could not be dropped; the next sweep tries again.", index.collection)
        return False
    return True


def sweep_files() -> None:
    """Delete originals that no document has, and what an interrupted upload or parse left behind."""
    for path in kept_before(AN_HOUR):
        if not Document.objects.filter(sha256=path.name).exists():
            path.unlink(missing_ok=True)
    for path in (settings.KB_DATA / "tmp").iterdir():
        if path.stat().st_mtime < time.time() - 24 * AN_HOUR:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
