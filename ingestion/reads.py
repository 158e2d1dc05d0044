"""Embed texts, and say how much of each the model really read."""

from collections.abc import Sequence

import numpy as np

from ingestion.measure import count_tokens
from search.embedders import Embedder
from search.models import Preset
from search.tokenize import tokenizer_of


def embed_counted(
    embedder: Embedder, preset: Preset, texts: list[str], tokens: Sequence[int]
) -> tuple[np.ndarray, list[int]]:
    """(n, dimension) vectors, and of each text's `tokens` (special ones included) as many as were read.

    What is cut off is cut at the end: by the preset's own limit, or by a model server that reads less than the preset
    says and does not refuse, where it says how many tokens it read. Raises EmbeddingError.
    """
    if counted := getattr(embedder, "embed_counted", None):
        matrix, read = counted(texts)
    else:
        matrix, read = embedder.embed_documents(texts), [preset.max_tokens] * len(texts)
    whole = [preset.document_instruction + text for text in texts]
    reads = zip(count_tokens(tokenizer_of(preset), whole, special=True), read, tokens, strict=True)
    return matrix, [of - min(of, max(0, full - min(got, preset.max_tokens))) for full, got, of in reads]
