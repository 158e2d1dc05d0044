"""Embed in this process, with sentence-transformers, on the GPU or else the CPU."""

import hashlib
import logging
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import torch
from django.conf import settings as installation
from sentence_transformers import SentenceTransformer

from search.embedders import EmbeddingError, EmbeddingSettings
from search.embedders.batches import batches
from search.embedders.rows import unit_rows
from search.tokenize import BUNDLED, BUNDLED_SHA256, encodable, model_folder

log = logging.getLogger(__name__)

CPU_BATCH_TOKENS = 2_048
GPU_BATCH_TOKENS = 65_536
LATER = 10  # "niceness" of the thread that embeds documents: where cores are few, questions go first


def default_batch_tokens(device: str = "") -> int:
    """Tokens, padding included, that go through the model at once."""
    return GPU_BATCH_TOKENS if device_of(device).startswith("cuda") else CPU_BATCH_TOKENS


def device_of(device: str) -> str:
    """The device that is asked for, or the best that is there."""
    return device or ("cuda" if torch.cuda.is_available() else "cpu")


class LocalEmbedder:
    """One model, shared by all threads.

    Documents go through it one batch at a time, in a thread of low priority (on a GPU: on a stream of low priority);
    questions beside them, without waiting for the batch at hand.
    """

    def __init__(self, settings: EmbeddingSettings) -> None:
        self.settings = settings
        self.device = device_of(settings.device)
        self.model = _loaded(settings, self.device)
        self.budget = installation.KB_BATCH_TOKENS or default_batch_tokens(self.device)
        self._tokenizing = threading.Lock()  # fast tokenizers that truncate and pad are not safe across threads
        self._bulk = ThreadPoolExecutor(1, thread_name_prefix="embed-documents", initializer=_give_way)
        self._stream = torch.cuda.Stream(priority=-1) if self.device.startswith("cuda") else None

    def embed_documents(self, texts: list[str]) -> np.ndarray:
        """(n, dimension) vectors of passages; the document instruction is put before each."""
        texts = [self.settings.document_instruction + text for text in texts]
        return self._bulk.submit(self._embed, texts).result()

    def embed_counted(self, texts: list[str]) -> tuple[np.ndarray, list[int]]:
        """The same, and how many tokens of each were read, instruction included."""
        counts = self.count_tokens([self.settings.document_instruction + text for text in texts]) if texts else []
        return self.embed_documents(texts), counts

    def embed_query(self, text: str) -> np.ndarray:
        """(dimension,) vector of a question; the query instruction is put before it."""
        return self.embed_raw([self.settings.query_instruction + text])[0]

    def embed_raw(self, texts: list[str]) -> np.ndarray:
        """(n, dimension) vectors of a few texts as they are, beside whatever else is being embedded."""
        with torch.cuda.stream(self._stream) if self._stream else nullcontext():
            return self._with_less(texts)

    def count_tokens(self, texts: list[str]) -> list[int]:
        """The tokens that the model reads of each text: special ones included, at most as many as it can."""
        with self._tokenizing:
            ids = self.model.tokenizer(_clean(texts), truncation=True, max_length=self.model.max_seq_length)[
                "input_ids"
            ]
        return [len(row) for row in ids]

    def _embed(self, texts: list[str]) -> np.ndarray:
        vectors = np.zeros((len(texts), self.settings.dimension), dtype=np.float32)
        for batch in batches(self.count_tokens(texts), self.budget) if texts else ():
            vectors[batch] = self._with_less([texts[index] for index in batch])
        return vectors

    def _with_less(self, texts: list[str]) -> np.ndarray:
        """The vectors, by halves where the memory does not suffice."""
        try:
            return self._forward(texts)
        except torch.OutOfMemoryError as error:
            if len(texts) == 1:
                message = "A passage does not fit into the memory of the device that embeds."
                raise EmbeddingError(message, permanent=True) from error
        log.warning("%d texts did not fit into the device's memory at once; going on by halves.", len(texts))
        torch.cuda.empty_cache()
        half = len(texts) // 2
        return np.concatenate([self._with_less(texts[:half]), self._with_less(texts[half:])])

    def _forward(self, texts: list[str]) -> np.ndarray:
        with torch.inference_mode():
            with self._tokenizing:
                features = self.model.preprocess(_clean(texts))
            features = {
                name: value.to(self.device) if torch.is_tensor(value) else value for name, value in features.items()
            }
            vectors = self.model(features)["sentence_embedding"].float().cpu().numpy()
        return unit_rows(vectors, self.settings.dimension)


def _give_way() -> None:
    """Threads that torch starts from this one inherit it."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LATER)


def _clean(texts: list[str]) -> list[str]:
    return [encodable(text) for text in texts]


def _loaded(settings: EmbeddingSettings, device: str) -> SentenceTransformer:
    """The model, from files on this machine alone: weights as safetensors, no code out of the model's folder."""
    folder = model_folder(settings.model, settings.revision)
    if folder is None:
        message = f"The embedding model {settings.model} is not on this machine."
        raise EmbeddingError(message, permanent=True)
    if settings.model in BUNDLED:
        _verify(folder / "model.safetensors", BUNDLED_SHA256)
    with _as_embedding_error(settings.model):
        model = SentenceTransformer(
            str(folder),
            device=device,
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={
                "use_safetensors": True,
                "dtype": torch.bfloat16 if device.startswith("cuda") else torch.float32,
            },
        )
    model.eval()
    model.max_seq_length = settings.max_tokens
    if model.get_embedding_dimension() != settings.dimension:
        found = model.get_embedding_dimension()
        message = f"{settings.model} makes vectors of {found} dimensions, not {settings.dimension}."
        raise EmbeddingError(message, permanent=True)
    return model


@contextmanager
def _as_embedding_error(model: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        log.exception("Loading %s failed", model)
        raise EmbeddingError(f"The embedding model {model} cannot be loaded: {error}", permanent=True) from error


def _verify(file: Path, sha256: str) -> None:
    with file.open("rb") as weights:
        found = hashlib.file_digest(weights, "sha256").hexdigest()
    if found != sha256:
        raise EmbeddingError(f"{file} is not the file that it should be (its SHA-256 differs).", permanent=True)
