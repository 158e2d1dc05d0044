"""Hand documents whose vectors are gone back to the embed worker."""

from kb.models import Chunk, Document
from search import vectors
from search.models import Index

Status, Stage = Document.Status, Document.Stage


def hand_over(index: Index) -> int:
    """Queue the finished documents of which a chunk has no vector; returns how many. They stay findable meanwhile."""
    chunks = Chunk.objects.filter(chunking=index.chunking_id, document__indexed_in__index=index)
    lacking = set(vectors.without_vector(chunks, index.preset).order_by().values_list("document", flat=True).distinct())
    listed, queued = list(lacking), 0
    for first in range(0, len(listed), 500):
        documents = Document.objects.filter(pk__in=listed[first : first + 500], status=Status.READY, deleted_at=None)
        queued += documents.update(
            status=Status.QUEUED, stage=Stage.EMBEDDING, attempt=0, progress=0, rung_at=None, error="",
        )  # fmt: skip
    return queued
