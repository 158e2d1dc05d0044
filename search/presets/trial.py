"""Try an embedding preset on two texts: how alike they are, what it reads of them, and how fast it is."""

import re
import time
from dataclasses import dataclass

import httpx
import numpy as np

from search.embedders import EmbeddingError, EmbeddingSettings
from search.embedders.openai import Form, ServerRefusal, ask, client_of, must_listen
from search.embedders.reading import Reading
from search.embedders.rows import unit_rows
from search.lane import engine_settings
from search.models import Preset
from search.presets.chosen import settings_of
from search.tokenize import encodable

PATIENCE = httpx.Timeout(60.0, connect=3.0)
BATCH = 8  # texts of the batch whose time is taken
BATCH_CHARACTERS = 400  # of each of them
LOADING = re.compile(r"\bloading\b|being loaded", re.IGNORECASE)


@dataclass(frozen=True)
class Tried:
    """`plain` is the similarity without instructions, None where there are none; times are in seconds.

    `dimension` is what the engine makes, which a preset may cut. `tokens` are those of the two texts with their
    instructions, as far as the model reads; `reads` how many of them were really read; `reported` is a server's count.
    """

    similarity: float
    plain: float | None
    dimension: int
    tokens: list[int]
    reads: list[int]
    reported: int | None
    one: float
    batch: float
    batch_tokens: int

    @property
    def is_cut(self) -> bool:
        return self.reads != self.tokens

    @property
    def one_ms(self) -> float:
        return self.one * 1000

    @property
    def a_text_ms(self) -> float:
        return self.batch * 1000 / BATCH

    @property
    def tokens_a_second(self) -> float:
        return self.batch_tokens / self.batch


class StillLoading(Exception):
    """The model is being loaded; ask again."""


def try_preset(preset: Preset, question: str, passage: str) -> Tried:
    """Embed both as question and passage. Raises EmbeddingError, StillLoading.

    Nothing is remembered: a server is asked, or the embed worker, which loads the model if it has to.
    """
    question, passage = encodable(question), encodable(passage)
    chosen, here = engine_settings(preset), settings_of(preset)
    asked = [here.query_instruction + question, here.document_instruction + passage]
    with client_of(chosen.url, chosen.api_key) as client:
        pair, one, reported = _timed(client, chosen, asked)
        plain = _timed(client, chosen, [question, passage])[0] if asked != [question, passage] else None
        batch = _batch(asked[1])
        _, seconds, tokens = _timed(client, chosen, batch)
        reading = Reading(here)
        reads = reading.of(asked, reported, lambda text: _timed(client, chosen, [text])[2])
    return Tried(
        similarity=_similarity(pair, preset), plain=None if plain is None else _similarity(plain, preset),
        dimension=pair.shape[1], tokens=[reading.counted(text) for text in asked], reads=reads, reported=reported,
        one=one, batch=seconds, batch_tokens=tokens or sum(reading.counted(text) for text in batch),
    )  # fmt: skip


def _batch(text: str) -> list[str]:
    """Texts of one length that begin differently, so that nothing of them can be kept from one to the next."""
    long = f"{text} " * (BATCH_CHARACTERS // (len(text) + 1) + 1)
    return [f"{number} {long}"[:BATCH_CHARACTERS] for number in range(BATCH)]


def _timed(client: httpx.Client, chosen: EmbeddingSettings, texts: list[str]) -> tuple[np.ndarray, float, int | None]:
    """(n, whatever the engine makes) vectors, seconds, and the tokens that the server says to have read."""
    begun = time.perf_counter()
    answered = _asked(client, chosen, texts)
    seconds = time.perf_counter() - begun
    if answered.vectors.ndim != 2 or answered.vectors.shape[1] < chosen.dimension:
        found = answered.vectors.shape[-1]
        message = f"The model makes vectors of {found} dimensions, not {chosen.dimension}."
        raise EmbeddingError(message, permanent=True)
    return answered.vectors, seconds, answered.tokens


def _asked(client: httpx.Client, chosen: EmbeddingSettings, texts: list[str]):
    must_listen(chosen.url)
    try:
        return ask(client, chosen.model, texts, Form("float"), PATIENCE)
    except ServerRefusal as refusal:
        if not refusal.permanent and LOADING.search(refusal.message):
            raise StillLoading from refusal
        raise


def _similarity(vectors: np.ndarray, preset: Preset) -> float:
    """The cosine of the two, at the preset's dimension."""
    first, second = unit_rows(vectors[:, : preset.dimension], preset.dimension)
    return float(first @ second)
