"""Say how well passages answer a question. One engine a file; each answers `score`."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np

ENGINES = {
    "cross_encoder": "search.rerankers.cross_encoder.CrossEncoderReranker",
    "server": "search.rerankers.server.ServerReranker",
}


@dataclass(frozen=True)
class RerankSettings:
    """What an engine must know; the values of a search.models.RerankPreset and of the environment.

    `url` ends with the path that is posted to, as in http://127.0.0.1:8080/v1/rerank. `seconds` is how long a question
    may wait for its scores.
    """

    engine: str
    model: str
    revision: str = ""
    instruction: str = ""
    max_tokens: int = 512
    url: str = ""
    api_key: str = ""
    device: str = ""
    seconds: float = 5.0


class RerankError(Exception):
    """There are no scores. `permanent` says that trying again would not help."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent


class Reranker(Protocol):
    """Many threads may use one."""

    def score(self, question: str, passages: Sequence[str]) -> np.ndarray:
        """(n,) float32, the higher the better; the scale is the model's own. Raises RerankError.

        A passage that is too long is read from its beginning, as far as the model reads.
        """

    def using(self, settings: RerankSettings) -> "Reranker":
        """The same engine with the instruction and the limits of these settings; nothing is loaded for it."""

    def close(self) -> None:
        """Let go of what it holds; it is used no more."""


def open_reranker(settings: RerankSettings) -> Reranker:
    """The engine that the settings name, loaded. Raises RerankError."""
    module, _, name = ENGINES[settings.engine].rpartition(".")
    return getattr(import_module(module), name)(settings)
