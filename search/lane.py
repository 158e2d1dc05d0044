"""The query lane: how a web process, which has no model, gets the vector of a question.

A local model lives in the embed worker, which answers on a unix socket in the data folder (or at KB_EMBED_URL); a
model server is asked directly. Nothing here imports torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from django.conf import settings

from kb.calls import counting, recording
from kb.kept import Kept
from kb.models import Call
from search.embedders import EmbeddingSettings
from search.embedders.openai import SOCKET
from search.embedders.server import ServerEmbedder
from search.last_vectors import LastVectors
from search.models import Preset
from search.presets.chosen import settings_of

REMEMBERED = 512  # questions a process: the next page of the same question costs nothing
LAST_BYTES = 16 * 1024 * 1024  # of vectors a process: what an answer is held against is asked for again and again


def socket_path() -> Path:
    """Where the embed worker's socket lies, if it is not at a network address."""
    return Path(settings.KB_DATA) / "run" / "embed.sock"


def lane_url() -> str:
    """Where the embed worker answers."""
    listen = settings.KB_EMBED_LISTEN
    configured = settings.KB_EMBED_URL or (f"http://{listen}" if listen else "")
    return f"{configured.rstrip('/').removesuffix('/v1')}/v1" if configured else f"{SOCKET}{socket_path()}"


def embed_query(preset: Preset, text: str, instruction: str | None = None) -> np.ndarray:
    """(dimension,) float32 of length 1, read-only; the instruction (None: the preset's) is put before the text.

    Raises EmbeddingError: at once where nobody listens, else after some five seconds.
    """
    chosen = engine_settings(preset)
    if instruction is not None:
        chosen = replace(chosen, query_instruction=instruction)
    return _remembered(chosen, text, preset.model)


def embed_texts(preset: Preset, texts: list[str]) -> np.ndarray:
    """(n, dimension) for a few texts of the kind that is stored; the document instruction is put before each.

    Of texts that were asked for lately nothing is embedded again. Raises as embed_query.
    """
    if not texts:
        return np.zeros((0, preset.dimension), dtype=np.float32)
    chosen = engine_settings(preset)

    def embed(lacking: list[str]) -> np.ndarray:
        with _recording(Call.Kind.EMBED_DOCUMENTS, preset.model, lacking):
            return _engines.of(chosen).embed_raw([chosen.document_instruction + text for text in lacking])

    return _last.of(chosen, texts, embed)


def embed_instructed(preset: Preset, texts: list[str], instruction: str) -> np.ndarray:
    """(n, dimension) for texts with another instruction before each than the one for what is stored."""
    if not texts:
        return np.zeros((0, preset.dimension), dtype=np.float32)
    chosen = replace(engine_settings(preset), document_instruction=instruction)
    with _recording(Call.Kind.EMBED_DOCUMENTS, preset.model, texts):
        return _engines.of(chosen).embed_documents(texts)


def engine_settings(preset: Preset) -> EmbeddingSettings:
    """How this process reaches the preset's model: on its server, or in the embed worker under its fingerprint."""
    chosen = settings_of(preset)
    if preset.engine == Preset.Engine.SERVER:
        return chosen
    return replace(chosen, url=lane_url(), model=preset.fingerprint, api_key="")


_last = LastVectors(LAST_BYTES)
_engines: Kept[EmbeddingSettings, ServerEmbedder] = Kept(ServerEmbedder)


@lru_cache(REMEMBERED)
def _remembered(chosen: EmbeddingSettings, text: str, model: str) -> np.ndarray:
    with _recording(Call.Kind.EMBED_QUERY, model, [text]):
        vector = _engines.of(chosen).embed_query(text)
    vector.flags.writeable = False  # it is shared with whoever asks the same
    return vector


@contextmanager
def _recording(kind: str, model: str, texts: list[str]) -> Iterator[None]:
    """A row of the call log, under the name of the preset's model."""
    with recording(kind, model=model, inputs=len(texts)) as call, counting(call):
        call.note_text(*texts)
        yield


def forget() -> None:
    """Let the next questions and texts be embedded again: what takes time is to be measured with it."""
    _remembered.cache_clear()
    _last.forget()
