"""Embed in this process: on the GPU, or on the CPU by the backend that the preset names."""

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
from django.conf import settings as installation

from search.embedders import EmbeddingError, EmbeddingSettings
from search.embedders.converted import Conversion, converted, known
from search.embedders.device import default_batch_tokens, device_of

__all__ = ["LocalEmbedder", "default_batch_tokens"]
log = logging.getLogger(__name__)

LATER = 10  # "niceness" of the thread that embeds documents: where cores are few, questions go first
AUTO, TORCH, OPENVINO, INT8 = "auto", "torch", "openvino", "openvino-int8"


class Model(Protocol):
    """What computes. All raise EmbeddingError."""

    def passages(self, texts: list[str]) -> np.ndarray:
        """(n, dimension) vectors of length 1, with the priority of the thread that asks."""

    def questions(self, texts: list[str]) -> np.ndarray:
        """The same for a few texts, without waiting for passages."""

    def count_tokens(self, texts: list[str]) -> list[int]:
        """The tokens that the model reads of each text."""


class LocalEmbedder:
    """One model, shared by all threads.

    Documents go through it in a thread of low priority, questions beside them. With the backend "auto" on a CPU,
    OpenVINO is used once the model is converted and found exact; until then (KB_CONVERT_AFTER seconds from the first
    start, and as long as the conversion takes) torch embeds.
    """

    def __init__(self, settings: EmbeddingSettings) -> None:
        self.settings = settings
        self.device = "cpu" if settings.backend in (OPENVINO, INT8) else device_of(settings.device)
        self.model: Model = self._opened()
        self._bulk = ThreadPoolExecutor(1, thread_name_prefix="embed-documents", initializer=_give_way)

    def embed_documents(self, texts: list[str]) -> np.ndarray:
        """(n, dimension) vectors of passages; the document instruction is put before each."""
        if not texts:
            return np.zeros((0, self.settings.dimension), dtype=np.float32)
        texts = [self.settings.document_instruction + text for text in texts]
        return self._bulk.submit(self.model.passages, texts).result()

    def embed_counted(self, texts: list[str]) -> tuple[np.ndarray, list[int]]:
        """The same, and how many tokens of each were read, instruction included."""
        counts = self.count_tokens([self.settings.document_instruction + text for text in texts])
        return self.embed_documents(texts), counts

    def embed_query(self, text: str) -> np.ndarray:
        """(dimension,) vector of a question; the query instruction is put before it."""
        return self.embed_raw([self.settings.query_instruction + text])[0]

    def embed_raw(self, texts: list[str]) -> np.ndarray:
        """(n, dimension) vectors of a few texts as they are, beside whatever else is being embedded."""
        return self.model.questions(texts)

    def count_tokens(self, texts: list[str]) -> list[int]:
        """The tokens that the model reads of each text as it is: special ones included, at most as many as it can."""
        return self.model.count_tokens(texts)

    def _opened(self) -> Model:
        if self.device != "cpu" or self.settings.backend == TORCH:
            return _torch(self.settings, self.device)
        return self._best() if self.settings.backend == AUTO else self._openvino(self.settings.backend)

    def _best(self) -> Model:
        """The fastest of the exact ones: OpenVINO if it is known to be that, else torch while this is found out."""
        found = known(self.settings, OPENVINO)
        if found and found.problem:
            return self._exact_instead(found)
        if found:
            return self._openvino(OPENVINO)
        model = _torch(self.settings, self.device)
        _later(self._convert)
        return model

    def _openvino(self, backend: str) -> Model:
        """The converted model; torch where it would have been as exact. Raises EmbeddingError."""
        try:
            folder, found = converted(self.settings, backend)
        except FileNotFoundError:
            message = f"The embedding model {self.settings.model} is not on this machine."
            raise EmbeddingError(message, permanent=True) from None
        if not found.problem:
            return _openvino(folder, self.settings)
        if backend == INT8:
            message = f"{self.settings.model} cannot be run with 8-bit numbers. {found.problem}"
            raise EmbeddingError(message, permanent=True)
        return self._exact_instead(found)

    def _exact_instead(self, found: Conversion) -> Model:
        log.warning("OpenVINO is not used for %s, but torch. %s", self.settings.model, found.problem)
        return _torch(self.settings, self.device)

    def _convert(self) -> None:
        """Beside the work, which then goes on with OpenVINO. A failure is remembered and logged; torch stays."""
        folder, found = converted(self.settings, OPENVINO)
        if not found.problem:
            self.model = _openvino(folder, self.settings)


def _torch(settings: EmbeddingSettings, device: str) -> Model:
    from search.embedders.torch_model import TorchModel

    return TorchModel(settings, device, settings.batch_tokens or installation.KB_BATCH_TOKENS)


def _openvino(folder: Path, settings: EmbeddingSettings) -> Model:
    from search.embedders.openvino_model import OpenVinoModel

    model = OpenVinoModel(folder, settings)
    model.warm()  # and find out here whether its vectors have the dimension
    return model


def _later(work: Callable[[], None]) -> None:
    """What has just started has something better to do; 0 seconds mean never."""
    if installation.KB_CONVERT_AFTER:
        timer = threading.Timer(installation.KB_CONVERT_AFTER, _logged, args=[work])
        timer.daemon = True
        timer.start()


def _logged(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        log.exception("The model could not be converted for OpenVINO; torch goes on.")


def _give_way() -> None:
    """Threads that are started from this one, torch's and OpenVINO's, inherit it."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LATER)
