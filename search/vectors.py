"""Vectors as they lie in the database: read, write, shorten."""

from collections.abc import Iterable, Sequence

import numpy as np
from django.db.models import Exists, OuterRef, QuerySet

from kb.models import Chunk
from search.models import Index, Preset, Vector


def encode(vector: np.ndarray) -> bytes:
    """As stored: little-endian float32."""
    return np.asarray(vector, dtype="<f4").tobytes()


def decode(rows: Sequence[bytes | memoryview], dimension: int) -> np.ndarray:
    """(n, dimension) float32 of stored full vectors; a shorter dimension is cut and normalised again (Matryoshka)."""
    if not rows:
        return np.empty((0, dimension), dtype=np.float32)
    matrix = np.frombuffer(b"".join(bytes(row) for row in rows), dtype="<f4").reshape(len(rows), -1)
    return matrix.astype(np.float32) if matrix.shape[1] == dimension else shorten(matrix, dimension)


def shorten(matrix: np.ndarray, dimension: int) -> np.ndarray:
    """The first `dimension` numbers of each row, of length 1 again."""
    cut = matrix[:, :dimension].astype(np.float32)
    return cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), 1e-12)


def without_vector(chunks: QuerySet[Chunk], preset: Preset) -> QuerySet[Chunk]:
    """Those of the chunks whose text this preset has not embedded yet: the work."""
    return chunks.filter(~Exists(Vector.objects.filter(preset=preset, digest=OuterRef("digest"))))


def store(preset: Preset, digests: Sequence[str], vectors: np.ndarray, tokens: Iterable[int]) -> None:
    """Keep vectors for texts; one that another worker kept first stays."""
    Vector.objects.bulk_create(
        [
            Vector(preset=preset, digest=digest, data=encode(vector), tokens_read=read)
            for digest, vector, read in zip(digests, vectors, tokens, strict=True)
        ],
        ignore_conflicts=True,
    )


def of_chunks(
    index: Index, chunks: Sequence[tuple[int, str]], dimension: int | None = None
) -> tuple[list[int], np.ndarray]:
    """Ids and (n, dimension) vectors of these (chunk id, digest) pairs, as far as they are embedded.

    The dimension is the index's, if no other is asked for.
    """
    digests = list({digest for _, digest in chunks})
    found: dict[str, bytes | memoryview] = {}
    for first in range(0, len(digests), 500):  # SQLite takes a bounded number of variables
        part = Vector.objects.filter(preset=index.preset_id, digest__in=digests[first : first + 500])
        found.update(part.values_list("digest", "data"))
    have = [(pk, found[digest]) for pk, digest in chunks if digest in found]
    return [pk for pk, _ in have], decode([data for _, data in have], dimension or index.dimension)
