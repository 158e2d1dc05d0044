"""Knowledge bases with text in them, put there without the way of a file."""

import hashlib
import itertools

import numpy as np
from django.utils import timezone

from kb.models import Chunk, Chunking, Document, KnowledgeBase
from search.models import Index, IndexedDocument, Preset, Vector
from search.vectors import encode, shorten

DIMENSION = 8
_number = itertools.count(1)


def direction(*numbers: float, dimension: int = DIMENSION) -> np.ndarray:
    """A vector of length 1 that begins with these numbers."""
    vector = np.zeros(dimension, np.float32)
    vector[: len(numbers)] = numbers
    return vector / np.linalg.norm(vector)


def clustered(count: int, *, dimension: int = 32, clusters: int = 60) -> np.ndarray:
    """(count, dimension) vectors of length 1 in narrow clusters, as texts about a few subjects give them."""
    random = np.random.default_rng(7)
    centres = random.normal(size=(clusters, dimension))
    rows = centres[random.integers(0, clusters, count)] + 0.15 * random.normal(size=(count, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def put(store, index: Index, *vectors: np.ndarray) -> list[int]:
    """These vectors, in the database and in the store, as the pipeline leaves them; the ids of their chunks."""
    texts = [f"text {number} {np.round(vector[:8], 6).tolist()}" for number, vector in enumerate(vectors)]
    document = add_document(index, *texts, vectors=list(vectors))
    ids = [chunk.pk for chunk in document.listed]
    store.add(index.collection, ids, shorten(np.stack(vectors), index.dimension))
    return ids


def found(store, index: Index, vector: np.ndarray, limit: int = 10) -> list[int]:
    """The ids of the nearest, best first."""
    return [neighbour.chunk_id for neighbour in store.nearest(index.collection, vector, limit)]


def recall(store, collection: str, vectors: np.ndarray, gone=()) -> float:
    """The share of the ten nearest that the store finds, for 50 of the vectors; the id of a vector is its row."""
    there = np.setdiff1d(np.arange(len(vectors)), list(gone))
    right = 0
    for row in there[:: max(1, len(there) // 50)][:50]:
        exact = there[np.argsort(-(vectors[there] @ vectors[row]), kind="stable")[:10]]
        right += len({one.chunk_id for one in store.nearest(collection, vectors[row], 10)} & set(exact.tolist()))
    return right / 500


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
