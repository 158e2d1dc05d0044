"""Turn texts into vectors. One engine a file; each answers `embed_documents` and `embed_query`."""

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np

ENGINES = {
    "local": "search.embedders.local.LocalEmbedder",
    "server": "search.embedders.server.ServerEmbedder",
}


@dataclass(frozen=True)
class EmbeddingSettings:
    """What an engine must know; the values of a search.models.Preset and of the environment."""

    engine: str
    model: str
    revision: str
    dimension: int
    query_instruction: str
    document_instruction: str
    max_tokens: int
    url: str = ""
    api_key: str = ""
    batch_tokens: int = 0
    device: str = ""
    backend: str = "auto"
    pooling: str = ""
    dtype: str = "auto"


class EmbeddingError(Exception):
    """The engine cannot embed. `permanent` says that trying again would not help as long as nobody changes something.

    `refuses_text` says that the reason may be these very texts: they are too long, too many or too odd, and others may
    pass. Without it the engine is away or wrongly set up (its key, its model, its dimension), whatever it is asked.
    """

    def __init__(self, message: str, *, permanent: bool = False, refuses_text: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent
        self.refuses_text = refuses_text


class Embedder(Protocol):
    """float32 rows of length 1, in the order of the texts. All raise EmbeddingError."""

    def embed_documents(self, texts: list[str]) -> np.ndarray:
        """(n, dimension) vectors of passages; the document instruction is put before each."""

    def embed_counted(self, texts: list[str]) -> tuple[np.ndarray, list[int]]:
        """The same, and how many tokens of each were really read, instruction included."""

    def count_tokens(self, texts: list[str]) -> list[int]:
        """The tokens that the model reads of each text as it is: special ones included, at most as many as it can."""

    def embed_query(self, text: str) -> np.ndarray:
        """(dimension,) vector of a question; the query instruction is put before it."""

    def embed_raw(self, texts: list[str]) -> np.ndarray:
        """(n, dimension) vectors of a few texts as they are, for someone who is waiting."""

    def using(self, settings: EmbeddingSettings) -> "Embedder":
        """The same engine with the instructions and the batches of these settings; nothing is loaded for it."""

    def close(self) -> None:
        """Let go of what it holds; it is used no more."""


def open_embedder(settings: EmbeddingSettings) -> Embedder:
    """The engine that the settings name, loaded. Raises EmbeddingError."""
    module, _, name = ENGINES[settings.engine].rpartition(".")
    return getattr(import_module(module), name)(settings)
