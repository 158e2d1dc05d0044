"""Knowledge bases with text in them, put there without the way of a file."""

import hashlib
import itertools

import numpy as np
from django.utils import timezone

from kb.models import Chunk, Chunking, Document, KnowledgeBase
from search.models import Index, IndexedDocument, Preset, Vector

DIMENSION = 8
_number = itertools.count(1)


def direction(*numbers: float, dimension: int = DIMENSION) -> np.ndarray:
    """A vector of length 1 that begins with these numbers."""
    vector = np.zeros(dimension, np.float32)
    vector[: len(numbers)] = numbers
    return vector / np.linalg.norm(vector)


def make_preset(dimension: int = DIMENSION) -> Preset:
    return Preset.objects.get_or_create(
        name=f"test {dimension}", defaults={"model": f"test-{dimension}", "dimension": dimension, "max_tokens": 256}
    )[0]


def make_index(knowledge_base: KnowledgeBase, *, preset: Preset | None = None, dimension: int | None = None) -> Index:
    """The knowledge base's serving index."""
    preset = preset or make_preset()
    chunking = Chunking.objects.get_or_create(
        knowledge_base=knowledge_base, tokenizer=preset.model, tokens=220, overlap=30
    )[0]
    return Index.objects.create(
        knowledge_base=knowledge_base, preset=preset, chunking=chunking, dimension=dimension or preset.dimension,
        state=Index.State.SERVING, served_at=timezone.now(),
    )  # fmt: skip


def add_document(index: Index, *texts: str, title: str = "Title", vectors=None, heading_path=()) -> Document:
    """A finished document whose chunks are these texts, one after the other; returns it with `.listed` chunks."""
    document = Document.objects.create(
        knowledge_base=index.knowledge_base, title=title, name="file.txt", media_type="text/plain", size=1,
        sha256=hashlib.sha256(str(next(_number)).encode()).hexdigest(), status=Document.Status.READY,
    )  # fmt: skip
    chunks, start = [], 0
    for ordinal, text in enumerate(texts):
        digest = hashlib.sha256("\n".join([title, *heading_path, text]).encode()).hexdigest()
        chunks.append(
            Chunk(
                document=document,
                chunking=index.chunking,
                ordinal=ordinal,
                text=text,
                start=start,
                end=start + len(text),
                tokens=len(text.split()),
                digest=digest,
                heading_path=list(heading_path),
            )  # fmt: skip
        )
        start += len(text) + 2
    document.listed = Chunk.objects.bulk_create(chunks)
    for chunk, vector in zip(document.listed, vectors or [], strict=False):
        Vector.objects.update_or_create(
            preset=index.preset,
            digest=chunk.digest,
            defaults={"data": vector.astype("<f4").tobytes(), "tokens_read": 1},
        )
    IndexedDocument.objects.create(index=index, document=document, chunks=len(texts))
    return document
