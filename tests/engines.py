"""Engines for tests: quick, and honest about what they promise."""

import re
import zlib

import numpy as np

from search.embedders import EmbeddingError

DIMENSION = 64


class WordsEmbedder:
    """Texts with words in common are near: each word is a direction of its own, chosen by its checksum."""

    def __init__(self, settings) -> None:
        self.settings = settings
        self.embedded: list[str] = []

    def embed_documents(self, texts: list[str]) -> np.ndarray:
        if any("unembeddable" in text for text in texts):
            raise EmbeddingError("The model refuses this text.", permanent=True, refuses_text=True)
        self.embedded.extend(texts)
        return np.stack([self._vector(text) for text in texts])

    def embed_counted(self, texts: list[str]) -> tuple[np.ndarray, list[int]]:
        return self.embed_documents(texts), self.count_tokens(texts)

    def count_tokens(self, texts: list[str]) -> list[int]:
        return [len(re.findall(r"\w+", text)) for text in texts]

    def embed_query(self, text: str) -> np.ndarray:
        return self._vector(text)

    def embed_raw(self, texts: list[str]) -> np.ndarray:
        return np.stack([self._vector(text) for text in texts])

    def using(self, settings) -> "WordsEmbedder":
        return self

    def close(self) -> None:
        """It holds nothing."""

    def _vector(self, text: str) -> np.ndarray:
        total = np.full(DIMENSION, 1e-3, dtype=np.float32)
        for word in re.findall(r"\w+", text.lower()):
            total += np.random.default_rng(zlib.crc32(word.encode())).standard_normal(DIMENSION).astype(np.float32)
        return total / np.linalg.norm(total)
