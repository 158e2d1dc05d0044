"""Vectors as they lie in the database: read, write, shorten."""

from collections.abc import Iterable, Sequence

import numpy as np
from django.db.models import Exists, OuterRef, QuerySet

from kb.models import Chunk
from search.models import Index, Preset, Vector

OFF = 0.01  # that a vector's length may be from 1


def encode(vector: np.ndarray) -> bytes:
    """As stored: little-endian float32."""
    return np.asarray(vector, dtype="<f4").tobytes()


def decode(rows: Sequence[bytes | memoryview], dimension: int) -> np.ndarray:
    """(n, dimension) float32 of stored full vectors; a shorter dimension is cut and normalised again (Matryoshka)."""
    if not rows:
        return np.empty((0, dimension), dtype=np.float32)
    matrix = np.frombuffer(b"".join(bytes(row) for row in rows), dtype="<f4").reshape(len(rows), -1)
    return matrix.astype(np.float32) if matrix.shape[1] == dimension else shorten(matrix, dimension)


def are_vectors(rows: Sequence[bytes | memoryview], dimension: int) -> list[bool]:
    """Whether each of the rows is a full vector as it should be stored: so many numbers, all finite, of length 1."""
    lengths = np.zeros(len(rows))
    whole = [place for place, row in enumerate(rows) if len(row) == 4 * dimension]
    if whole:
        matrix = np.frombuffer(b"".join(bytes(rows[place]) for place in whole), "<f4").reshape(len(whole), -1)
        with np.errstate(invalid="ignore", over="ignore"):
            lengths[whole] = np.sqrt(np.einsum("ij,ij->i", matrix, matrix))
    return (np.abs(lengths - 1) < OFF).tolist()  # of NaN this is false


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

    The dimension is the index's, if no other is asked for. What is kept and is no vector counts for none.
    """
    digests = list({digest for _, digest in chunks})
    found: dict[str, bytes | memoryview] = {}
    for first in range(0, len(digests), 500):  # SQLite takes a bounded number of variables
        part = Vector.objects.filter(preset=index.preset_id, digest__in=digests[first : first + 500])
        rows = list(part.values_list("digest", "data"))
        right = are_vectors([data for _, data in rows], index.preset.dimension)
        found.update(row for row, is_one in zip(rows, right, strict=True) if is_one)
    have = [(pk, found[digest]) for pk, digest in chunks if digest in found]
    return [pk for pk, _ in have], decode([data for _, data in have], dimension or index.dimension)
