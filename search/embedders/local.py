"""Embed in this process: on the GPU, or on the CPU by the backend that the preset names."""

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from django.conf import settings as installation

from search.embedders import EmbeddingError, EmbeddingSettings
from search.embedders.converted import Conversion, converted, known, remember
from search.embedders.device import default_batch_tokens, place_of
from search.embedders.memory import give_back
from search.embedders.precision import FULL, favourite, precision_of
from search.embedders.samples import HELD_OUT
from search.embedders.trial import Trial, cosines

__all__ = ["LocalEmbedder", "default_batch_tokens"]
log = logging.getLogger(__name__)

LATER = 10  # "niceness" of the thread that embeds documents: where cores are few, questions go first
AUTO, TORCH, OPENVINO, INT8 = "auto", "torch", "openvino", "openvino-int8"


class Model(Protocol):
    """What computes. All raise EmbeddingError."""

    def passages(self, texts: list[str], most: int = 0) -> np.ndarray:
        """(n, dimension) vectors of length 1, with the priority of the thread that asks.

        `most` tokens at once where they go in batches; 0: as many as the device likes.
        """

    def questions(self, texts: list[str], most: int = 0) -> np.ndarray:
        """The same for a few texts, without waiting for passages."""

    def count_tokens(self, texts: list[str]) -> list[int]:
        """The tokens that the model reads of each text."""


class LocalEmbedder:
    """A model that is shared by all threads, and by every preset that differs in instructions or batches alone.

    Documents go through it in a thread of low priority, questions beside them.
    """

    def __init__(self, settings: EmbeddingSettings, held: "HeldModel | None" = None) -> None:
        self.settings = settings
        self.held = held or HeldModel(settings)

    @property
    def model(self) -> Model:
        """What computes now: another one once a conversion is done."""
        return self.held.model

    @property
    def device(self) -> str:
        return self.held.device

    @property
    def batch_tokens(self) -> int:
        """Tokens that go through the model at once; 0: as many as the device likes."""
        return self.settings.batch_tokens or installation.KB_BATCH_TOKENS

    def using(self, settings: EmbeddingSettings) -> "LocalEmbedder":
        """The same model with the instructions and the batches of these settings."""
        return LocalEmbedder(settings, self.held)

    def close(self) -> None:
        """End the thread that embeds documents."""
        self.held.bulk.shutdown(wait=False)

    def embed_documents(self, texts: list[str]) -> np.ndarray:
        """(n, dimension) vectors of passages; the document instruction is put before each."""
        if not texts:
            return np.zeros((0, self.settings.dimension), dtype=np.float32)
        texts = [self.settings.document_instruction + text for text in texts]
        return self.held.bulk.submit(self.model.passages, texts, self.batch_tokens).result()

    def embed_counted(self, texts: list[str]) -> tuple[np.ndarray, list[int]]:
        """The same, and how many tokens of each were read, instruction included."""
        counts = self.count_tokens([self.settings.document_instruction + text for text in texts])
        return self.embed_documents(texts), counts

    def embed_query(self, text: str) -> np.ndarray:
        """(dimension,) vector of a question; the query instruction is put before it."""
        return self.embed_raw([self.settings.query_instruction + text])[0]

    def embed_raw(self, texts: list[str]) -> np.ndarray:
        """(n, dimension) vectors of a few texts as they are, beside whatever else is being embedded."""
        return self.model.questions(texts, self.batch_tokens)

    def count_tokens(self, texts: list[str]) -> list[int]:
        """The tokens that the model reads of each text as it is: special ones included, at most as many as it can."""
        return self.model.count_tokens(texts)


class HeldModel:
    """A model in memory, by whatever backend, and the thread that embeds documents with it.

    The backend "auto" is the fastest one that makes the same vectors. On a CPU that is OpenVINO, once the model is
    converted and found to be exact and faster; until then (KB_CONVERT_AFTER seconds from the first start, and as long
    as the conversion takes) torch embeds. On a GPU it is bfloat16 where float32 is asked for and the vectors agree.
    """

    def __init__(self, settings: EmbeddingSettings) -> None:
        self.settings = replace(settings, dtype=precision_of(settings))
        self.device = place_of(settings)
        self.model: Model = self._opened()
        self.bulk = ThreadPoolExecutor(1, thread_name_prefix="embed-documents", initializer=_give_way)

    def _opened(self) -> Model:
        if self.settings.backend == TORCH:
            return _torch(self.settings, self.device)
        if self.device != "cpu":
            return self._on_gpu()
        return self._best() if self.settings.backend == AUTO else self._openvino(self.settings.backend)

    def _on_gpu(self) -> Model:
        """In the precision of its settings, or in the GPU's own where that was found to make the same vectors."""
        faster = favourite(self.device)
        if self.settings.dtype != FULL or faster == FULL:
            return _torch(self.settings, self.device)
        found = known(self.settings, faster)
        if found is None:
            return self._tried_in(faster)
        return self._exact_instead(found) if found.problem else self._in(faster)

    def _tried_in(self, dtype: str) -> Model:
        """Both are loaded one after the other, as a GPU may not have room for both."""
        texts = list(HELD_OUT)
        wanted = _torch(self.settings, self.device).questions(texts)
        give_back()
        model = self._in(dtype)
        found = remember(self.settings, dtype, Trial(cosines(model.questions(texts), wanted)))
        if not found.problem:
            return model
        del model
        give_back()
        return self._exact_instead(found)

    def _in(self, dtype: str) -> Model:
        return _torch(replace(self.settings, dtype=dtype), self.device)

    def _best(self) -> Model:
        """The fastest of the exact ones: OpenVINO if it is known to be that, else torch while this is found out."""
        found = known(self.settings, OPENVINO)
        if found and found.objection:
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
        model, backend = self.settings.model, found.backend
        log.warning(
            "%s is not used for %s, but PyTorch in %s. %s", backend, model, self.settings.dtype, found.objection
        )
        return _torch(self.settings, self.device)

    def _convert(self) -> None:
        """Beside the work, which then goes on with OpenVINO. A failure is remembered and logged; torch stays."""
        folder, found = converted(self.settings, OPENVINO)
        if not found.objection:
            self.model = _openvino(folder, self.settings)


def _torch(settings: EmbeddingSettings, device: str) -> Model:
    from search.embedders.torch_model import TorchModel

    return TorchModel(settings, device)


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
