"""The embedders of this process: each opened once, and shared by its threads."""

import threading

from search.embedders import Embedder, open_embedder
from search.models import Preset
from search.presets import settings_of

_opening = threading.Lock()
_open: dict[str, Embedder] = {}


def loaded(preset: Preset) -> Embedder:
    """The preset's embedder, opened if it is not yet (a local model takes seconds). Raises EmbeddingError."""
    key = repr(settings_of(preset))
    with _opening:
        if key not in _open:
            _open[key] = open_embedder(settings_of(preset))
        return _open[key]


def is_loaded(preset: Preset) -> bool:
    """Whether `loaded` would answer at once."""
    return repr(settings_of(preset)) in _open
