"""Vectors as everything behind the embedder expects them."""

import numpy as np

from search.embedders import EmbeddingError


def unit_rows(vectors: np.ndarray, dimension: int) -> np.ndarray:
    """float32 rows of length 1. Raises EmbeddingError where they have another dimension, or one has no direction."""
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        shape = vectors.shape[1] if vectors.ndim == 2 else "no"
        raise EmbeddingError(f"The model made vectors of {shape} dimensions, not {dimension}.", permanent=True)
    vectors = vectors.astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths == 0).any():
        raise EmbeddingError("The model made a vector that has no direction.", permanent=True, refuses_text=True)
    return vectors / lengths
