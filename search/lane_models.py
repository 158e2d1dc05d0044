"""The models that the query lane asks: those that the embed worker has loaded."""

import time

import numpy as np
from django.db import connections

from search.embedders import EmbeddingError
from search.embedders.loaded import loaded_soon
from search.models import Preset

READ_AGAIN = 5.0  # seconds after which a preset is read anew


class Lane:
    """Embeds with the models that this process has loaded, and loads the others meanwhile."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[float, Preset]] = {}

    def embed(self, fingerprint: str, texts: list[str]) -> np.ndarray:
        """(n, dimension) vectors. Raises EmbeddingError, which passes, while the model is being loaded."""
        return loaded_soon(self._preset(fingerprint)).embed_raw(texts)

    def count(self, fingerprint: str, texts: list[str]) -> int:
        """The tokens that were read of texts that it has just embedded."""
        return sum(loaded_soon(self._preset(fingerprint)).count_tokens(texts))

    def _preset(self, fingerprint: str) -> Preset:
        """As it was some seconds ago at the most: its backend and its batches may be changed while it is in use."""
        read_at, preset = self._read.get(fingerprint, (0.0, None))
        if preset is None or time.monotonic() - read_at > READ_AGAIN:
            preset = _stored(fingerprint)
            self._read[fingerprint] = (time.monotonic(), preset)
        return preset


def _stored(fingerprint: str) -> Preset:
    try:
        preset = Preset.objects.filter(fingerprint=fingerprint, engine=Preset.Engine.LOCAL).first()
    finally:
        connections.close_all()  # this thread may never come back
    if preset is None:
        raise EmbeddingError("The embed worker knows no such embedding preset.", permanent=True)
    return preset
