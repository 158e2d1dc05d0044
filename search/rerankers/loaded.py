"""The rerankers of this process: each opened once, and shared by its threads."""

import logging
import threading
import time
from collections.abc import Iterable

from search.embedders.memory import give_back
from search.rerankers import Reranker, RerankError, RerankSettings, open_reranker

log = logging.getLogger(__name__)
AGAIN_SECONDS = 60.0  # after which a model that could not be loaded is tried again

_open: dict[RerankSettings, Reranker] = {}
_opening: dict[RerankSettings, threading.Lock] = {}  # one a model: a large one that takes minutes holds up no other
_failed: dict[RerankSettings, tuple[float, RerankError]] = {}
_guard = threading.Lock()


def loaded(settings: RerankSettings) -> Reranker:
    """The reranker of these settings, opened if it is not yet (a model takes seconds). Raises RerankError."""
    key = core_of(settings)
    found = _open.get(key)
    if found is None:
        with _lock(key):
            found = _open.get(key) or _open.setdefault(key, open_reranker(key))
    return found.using(settings)


def core_of(settings: RerankSettings) -> RerankSettings:
    """What shapes a model in memory and says where it runs: presets that differ in anything else share one.

    Of a model server nothing is in memory but connections, and what was learned of it.
    """
    if settings.engine == "server":
        return settings
    return RerankSettings(settings.engine, settings.model, settings.revision, device=settings.device)


def loaded_soon(settings: RerankSettings) -> Reranker:
    """The same, at once or not at all: it is loaded meanwhile. Raises RerankError, also that of a failed attempt."""
    key = core_of(settings)
    if (found := _open.get(key)) is not None:
        return found.using(settings)
    when, error = _failed.get(key, (0.0, None))
    if error and time.monotonic() - when < AGAIN_SECONDS:
        raise error
    if not _lock(key).locked():
        threading.Thread(target=_remembered, args=[key], name="load-reranker", daemon=True).start()
    raise RerankError("The reranking model is being loaded; it takes some seconds.")


def let_go(needed: Iterable[RerankSettings]) -> None:
    """Free the memory of the models that none of these settings names."""
    kept = {core_of(settings) for settings in needed}
    gone = [key for key in list(_open) if key not in kept]
    for key in gone:
        _open.pop(key).close()
        log.info("%s is used no more; its memory is free.", key.model)
    if gone:
        give_back()


def _remembered(key: RerankSettings) -> None:
    try:
        loaded(key)
    except RerankError as error:
        log.error("%s", error.message)
        bare = RerankError(error.message, permanent=error.permanent)  # its traceback would hold a model that is refused
        _failed[key] = (time.monotonic(), bare)


def _lock(key: RerankSettings) -> threading.Lock:
    with _guard:
        return _opening.setdefault(key, threading.Lock())
