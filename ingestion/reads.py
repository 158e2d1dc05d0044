"""Embed texts, and say how much of each the model really read."""

from collections.abc import Sequence

import numpy as np

from ingestion.measure import count_tokens
from kb.calls import recording
from kb.models import Call
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
    with recording(Call.Kind.EMBED_DOCUMENTS, model=preset.model, inputs=len(texts)) as call:
        call.note_text(*texts)
        matrix, read = embedder.embed_counted(texts)
        call.tokens_in = sum(read)
    asked = count_tokens(tokenizer_of(preset), [preset.document_instruction])[0]
    reads = [
        of if of + asked <= min(got, preset.max_tokens) else of - min(of, _lost(embedder, preset, text, got))
        for text, of, got in zip(texts, tokens, read, strict=True)
    ]
    return matrix, reads


def _lost(embedder: Embedder, preset: Preset, text: str, read: int) -> int:
    """Tokens beyond the preset's limit, and those within it that were not read all the same."""
    asked = preset.document_instruction + text
    beyond = count_tokens(tokenizer_of(preset), [asked], special=True)[0] - preset.max_tokens
    return max(0, beyond) + max(0, embedder.count_tokens([asked])[0] - read)
