"""A model that PyTorch runs, on a GPU or a CPU, in the precision of its preset; loaded by sentence-transformers."""

import hashlib
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer
from transformers.utils import is_flash_attn_2_available

from search.embedders import EmbeddingError, EmbeddingSettings
from search.embedders.batches import batches
from search.embedders.device import default_batch_tokens, gpu_batch_tokens
from search.embedders.memory import give_back, ran_out
from search.embedders.precision import HALF, favourite, precision_of
from search.embedders.rows import unit_rows
from search.embedders.weights import UNREADABLE, reads_safetensors, why_unreadable
from search.tokenize import BUNDLED, BUNDLED_SHA256, encodable, end_as_asked, model_folder, tokenizer_folder

log = logging.getLogger(__name__)

FEWEST = 512  # tokens to which the batches of a device that ran out of memory go down


class TorchModel:
    """Many threads may use one: questions go beside passages, on a GPU on a stream of higher priority."""

    def __init__(self, settings: EmbeddingSettings, device: str) -> None:
        self.settings, self.device = settings, device
        self.model = load(settings, device)
        self.budget = _budget(self.model, device)
        self.fits = sys.maxsize  # tokens that go through it at once, as far as it is known: less after it was too much
        self._tokenizing = threading.Lock()  # fast tokenizers that truncate and pad are not safe across threads
        self._stream = torch.cuda.Stream(priority=-1) if device.startswith("cuda") else None

    def passages(self, texts: list[str], most: int = 0) -> np.ndarray:
        """(n, dimension) vectors, batch by batch, of `most` tokens each; 0: as many as the device likes."""
        return self._in_batches(texts, most)

    def questions(self, texts: list[str], most: int = 0) -> np.ndarray:
        """The same for a few texts, beside whatever else is being embedded."""
        with torch.cuda.stream(self._stream) if self._stream else nullcontext():
            return self._with_less(texts, 0) if len(texts) == 1 else self._in_batches(texts, most)

    def _in_batches(self, texts: list[str], most: int) -> np.ndarray:
        vectors = np.zeros((len(texts), self.settings.dimension), dtype=np.float32)
        lengths = self.count_tokens(texts)
        for batch in batches(lengths, lambda: min(most or self.budget, self.fits)):
            vectors[batch] = self._with_less([texts[index] for index in batch], lengths[batch[0]])
        return vectors

    def count_tokens(self, texts: list[str]) -> list[int]:
        """The tokens that the model reads of each text: special ones included, at most as many as it can."""
        if not texts:
            return []
        tokenizer, texts = self.model.tokenizer, _clean(texts)
        with self._tokenizing:
            if isinstance(tokenizer, Tokenizer):
                return [len(row.ids) for row in tokenizer.encode_batch(texts, add_special_tokens=False)]
            reach = self.model.max_seq_length
            return [len(row) for row in tokenizer(texts, truncation=True, max_length=reach)["input_ids"]]

    def _with_less(self, texts: list[str], longest: int) -> np.ndarray:
        """The vectors, by halves where the memory does not suffice; the next batches are then made smaller."""
        try:
            return self._forward(texts)
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
            if len(texts) == 1:
                message = "A passage does not fit into the memory of the device that embeds."
                raise EmbeddingError(message, refuses_text=True) from error
        log.warning("%d texts did not fit into the device's memory at once; going on by halves.", len(texts))
        self.fits = min(self.fits, max(FEWEST, longest * len(texts) // 2))
        give_back()
        half = len(texts) // 2
        parts = (texts[:half], texts[half:])
        return np.concatenate([self._with_less(part, longest) for part in parts])

    def _forward(self, texts: list[str]) -> np.ndarray:
        with torch.inference_mode():
            with self._tokenizing:
                features = self.model.preprocess(_clean(texts))
            features = {
                name: value.to(self.device) if torch.is_tensor(value) else value for name, value in features.items()
            }
            vectors = self.model(features)["sentence_embedding"].float().cpu().numpy()
        return unit_rows(vectors, self.settings.dimension)


def attentions(device: str, dtype: torch.dtype) -> list[str | None]:
    """Ways to compute attention, best first; None is whatever the architecture has."""
    is_half, is_new = dtype != torch.float32, favourite(device) == HALF
    has_flash = is_half and is_new and is_flash_attn_2_available()
    return [*(["flash_attention_2"] if has_flash else []), "sdpa", None]


def load(settings: EmbeddingSettings, device: str) -> SentenceTransformer:
    """The model, from files on this machine alone: weights alone, no code out of the model's folder.

    Raises EmbeddingError.
    """
    folder = model_folder(settings.model, settings.revision)
    if folder is None:
        message = f"The embedding model {settings.model} is not on this machine."
        raise EmbeddingError(message, permanent=True)
    if settings.model in BUNDLED:
        _verify(folder / "model.safetensors", BUNDLED_SHA256)
    with _as_embedding_error(settings.model):
        model = _opened(folder, device, getattr(torch, precision_of(settings)))
        if settings.pooling:
            _pool(model, settings)
    _end_texts(model, tokenizer_folder(folder))
    model.eval()
    _reach(model, settings.max_tokens)
    if model.get_embedding_dimension() != settings.dimension:
        found = model.get_embedding_dimension()
        message = f"{settings.model} makes vectors of {found} dimensions, not {settings.dimension}."
        raise EmbeddingError(message, permanent=True)
    return model


def _opened(folder: Path, device: str, dtype: torch.dtype) -> SentenceTransformer:
    """With the best attention that works here."""
    *better, last = attentions(device, dtype)
    for attention in better:
        try:
            return _with_attention(folder, device, dtype, attention)
        except (ImportError, ValueError, RuntimeError) as error:
            log.info("%s is not used for attention: %s", attention, error)
    return _with_attention(folder, device, dtype, last)


def _with_attention(folder: Path, device: str, dtype: torch.dtype, attention: str | None) -> SentenceTransformer:
    options = {"use_safetensors": reads_safetensors(folder), "dtype": dtype}
    if attention:
        options["attn_implementation"] = attention
    model = SentenceTransformer(
        str(folder), device=device, trust_remote_code=False, local_files_only=True, model_kwargs=options
    )
    if attention == "flash_attention_2":
        model.encode(["Does it run?"])  # kernels that do not fit the device show only now
    return model


def _end_texts(model: SentenceTransformer, folder: Path) -> None:
    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    if backend is not None:
        end_as_asked(backend, folder)


def _reach(model: SentenceTransformer, tokens: int) -> None:
    """Read so many tokens of a text; a table of word vectors has the bare tokenizer, and no limit of its own."""
    if isinstance(model.tokenizer, Tokenizer):
        model.tokenizer.enable_truncation(tokens)
    else:
        model.max_seq_length = tokens


def _pool(model: SentenceTransformer, settings: EmbeddingSettings) -> None:
    """Put the preset's pooling in the place of the model's own."""
    for place, module in enumerate(model):
        if isinstance(module, Pooling):
            model[place] = Pooling(module.embedding_dimension, settings.pooling, module.include_prompt)
            return
    message = f"{settings.model} does not pool its tokens' vectors, so that no pooling can be set."
    raise EmbeddingError(message, permanent=True)


def _budget(model: SentenceTransformer, device: str) -> int:
    config = getattr(getattr(model[0], "model", None), "config", None)
    if not device.startswith("cuda") or config is None:
        return default_batch_tokens(device)
    give_back()  # what PyTorch keeps for itself counts as taken
    free, _ = torch.cuda.mem_get_info(device)
    hidden = getattr(config, "hidden_size", 1024)
    return gpu_batch_tokens(free, hidden, getattr(config, "intermediate_size", 4 * hidden))


def _clean(texts: list[str]) -> list[str]:
    return [encodable(text) for text in texts]


@contextmanager
def _as_embedding_error(model: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        log.exception("Loading %s failed", model)
        message = f"The embedding model {model} cannot be loaded: {why_unreadable(error)}"
        raise EmbeddingError(message, permanent=True) from error


def _verify(file: Path, sha256: str) -> None:
    with file.open("rb") as weights:
        found = hashlib.file_digest(weights, "sha256").hexdigest()
    if found != sha256:
        raise EmbeddingError(f"{file} is not the file that it should be (its SHA-256 differs).", permanent=True)
