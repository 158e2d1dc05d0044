"""The embedders of this process: each opened once, and shared by its threads."""

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import replace

from django.db import connections

from search.embedders import Embedder, EmbeddingError, EmbeddingSettings, open_embedder
from search.embedders.memory import give_back
from search.embedders.precision import precision_of
from search.models import Preset
from search.presets.chosen import settings_of

log = logging.getLogger(__name__)
AGAIN_SECONDS = 30.0  # after which a model that could not be loaded is tried again: its files may be there now

_open: dict[EmbeddingSettings, Embedder] = {}
_opening: dict[EmbeddingSettings, threading.Lock] = {}  # one a model: a large one that takes minutes holds up no other
_failed: dict[EmbeddingSettings, tuple[float, EmbeddingError]] = {}
_guard = threading.Lock()


def loaded(preset: Preset) -> Embedder:
    """The preset's embedder, opened if it is not yet (a local model takes seconds). Raises EmbeddingError."""
    settings = settings_of(preset)
    key = core_of(settings)
    found = _open.get(key)
    if found is None:
        with _lock(key):
            found = _open.get(key) or _open.setdefault(key, open_embedder(key))
    return found.using(settings)


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
    key = core_of(settings)
    if (found := _open.get(key)) is not None:
        return found.using(settings)
    when, error = _failed.get(key, (0.0, None))
    if error and time.monotonic() - when < AGAIN_SECONDS:
        raise error
    if not _lock(key).locked():
        threading.Thread(target=_remembered, args=[preset], name="load-model", daemon=True).start()
    raise EmbeddingError("The embedding model is being loaded; it takes some seconds.")


def let_go(needed: Iterable[Preset]) -> None:
    """Free the memory of the models that none of these presets has."""
    kept = {core_of(settings_of(preset)) for preset in needed}
    gone = [key for key in list(_open) if key not in kept]
    for key in gone:
        _open.pop(key).close()
        log.info("%s is used no more; its memory is free.", key.model)
    if gone:
        give_back()


def is_loaded(preset: Preset) -> bool:
    """Whether `loaded` would answer at once."""
    return core_of(settings_of(preset)) in _open


def _remembered(preset: Preset) -> None:
    try:
        loaded(preset)
    except EmbeddingError as error:
        log.error("%s", error.message)
        _failed[core_of(settings_of(preset))] = (time.monotonic(), error)
    finally:
        connections.close_all()


def _lock(key: EmbeddingSettings) -> threading.Lock:
    with _guard:
        return _opening.setdefault(key, threading.Lock())
