"""Knowledge bases with text in them, put there without the way of a file."""

import hashlib
import itertools

import numpy as np
from django.utils import timezone

from kb.models import Chunk, Chunking, Document, KnowledgeBase
from search.models import Index, IndexedDocument, Preset, Vector
from search.vectors import encode

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
        query_instruction=preset.query_instruction, state=Index.State.SERVING, served_at=timezone.now(),
    )  # fmt: skip


def add_document(index: Index, *texts: str, title: str = "Title", vectors=None, heading_path=()) -> Document:
    """A finished document whose chunks are these texts, one after the other; returns it with `.listed` chunks."""
    document = Document.objects.create(
        knowledge_base=index.knowledge_base, title=title, name="file.txt", media_type="text/plain", size=1,
        sha256=hashlib.sha256(str(next(_number)).encode()).hexdigest(), status=Document.Status.READY,
    )  # fmt: skip
    document.listed = Chunk.objects.bulk_create(_chunks(document, index, texts, heading_path))
    for chunk, vector in zip(document.listed, vectors or [], strict=False):
        kept = {"data": encode(vector), "tokens_read": 1}
        Vector.objects.update_or_create(preset=index.preset, digest=chunk.digest, defaults=kept)
    IndexedDocument.objects.create(index=index, document=document, chunks=len(texts))
    return document


def _chunks(document: Document, index: Index, texts, heading_path) -> list[Chunk]:
    """The texts as chunks, with two line ends between one and the next."""
    starts = itertools.accumulate((len(text) + 2 for text in texts), initial=0)
    context = " > ".join((document.title, *heading_path))
    return [
        Chunk(
            document=document,
            chunking=index.chunking,
            ordinal=ordinal,
            text=text,
            context=context,
            start=start,
            end=start + len(text),
            tokens=len(text.split()),
            digest=hashlib.sha256(f"{context}\n{text}".encode()).hexdigest(),
            heading_path=list(heading_path),
        )
        for ordinal, (text, start) in enumerate(zip(texts, starts, strict=False))
    ]
