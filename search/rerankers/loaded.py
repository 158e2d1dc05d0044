"""The rerankers of this process: each opened once, and shared by its threads."""

import logging
import threading
import time

from search.rerankers import Reranker, RerankError, RerankSettings, open_reranker

log = logging.getLogger(__name__)
AGAIN_SECONDS = 60.0  # after which a model that could not be loaded is tried again

_opening = threading.Lock()
_open: dict[RerankSettings, Reranker] = {}
_failed: dict[RerankSettings, tuple[float, RerankError]] = {}


def loaded(settings: RerankSettings) -> Reranker:
    """The reranker of these settings, opened if it is not yet (a model takes seconds). Raises RerankError."""
    with _opening:
        if settings not in _open:
            _open[settings] = open_reranker(settings)
        return _open[settings]


def loaded_soon(settings: RerankSettings) -> Reranker:
    """The same, at once or not at all: it is loaded meanwhile. Raises RerankError."""
    if settings in _open:
        return _open[settings]
    when, error = _failed.get(settings, (0.0, None))
    if error and time.monotonic() - when < AGAIN_SECONDS:
        raise error
    threading.Thread(target=_remembered, args=[settings], name="load-reranker", daemon=True).start()
    raise RerankError("The reranking model is being loaded; it takes some seconds.")


def _remembered(settings: RerankSettings) -> None:
    try:
        loaded(settings)
    except RerankError as error:
        log.error("%s", error.message)
        _failed[settings] = (time.monotonic(), error)
