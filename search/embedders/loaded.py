"""The embedders of this process: each opened once, and shared by its threads."""

from collections.abc import Iterable
from dataclasses import replace

from search.embedders import Embedder, EmbeddingError, EmbeddingSettings, open_embedder
from search.embedders.precision import precision_of
from search.held import Held
from search.models import Preset
from search.presets.chosen import settings_of

AGAIN_SECONDS = 30.0
LOADING = "The embedding model is being loaded; it takes some seconds."

_held: Held[EmbeddingSettings, Embedder] = Held(
    lambda key: open_embedder(key), EmbeddingError, LOADING, again_seconds=AGAIN_SECONDS
)


def loaded(preset: Preset) -> Embedder:
    """The preset's embedder, opened if it is not yet (a local model takes seconds). Raises EmbeddingError."""
    settings = settings_of(preset)
    return _held.of(core_of(settings)).using(settings)


def core_of(settings: EmbeddingSettings) -> EmbeddingSettings:
    """What shapes a model in memory and says where it runs: presets that differ in anything else share one.

    Of a model server nothing is in memory but connections, and what was learned of it.
    """
    if settings.engine == "server":
        return settings
    return replace(
        settings, query_instruction="", document_instruction="", batch_tokens=0, url="", api_key="",
        dtype=precision_of(settings),
    )  # fmt: skip


def loaded_soon(preset: Preset) -> Embedder:
    """The same, at once or not at all: it is loaded meanwhile. Raises EmbeddingError, also that of a failed attempt."""
    settings = settings_of(preset)
    return _held.soon(core_of(settings)).using(settings)


def let_go(needed: Iterable[Preset]) -> None:
    """Free the memory of the models that none of these presets has."""
    _held.let_go(core_of(settings_of(preset)) for preset in needed)


def is_loaded(preset: Preset) -> bool:
    """Whether `loaded` would answer at once."""
    return core_of(settings_of(preset)) in _held.open
