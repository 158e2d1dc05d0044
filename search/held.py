"""Models in the memory of this process: each opened once, and shared by its threads."""

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, Protocol, TypeVar

from django.db import connections

from search.embedders.memory import give_back

log = logging.getLogger(__name__)


class Engine(Protocol):
    def close(self) -> None: ...


K = TypeVar("K", bound=Hashable)
E = TypeVar("E", bound=Engine)


class Held(Generic[K, E]):
    """A model for each key, which says what shapes it in memory and where it runs.

    `open_one` takes long and raises `error`; `loading` is the sentence for whoever comes meanwhile. What could not be
    loaded is tried again after so many seconds: its files may be there now.
    """

    def __init__(
        self, open_one: Callable[[K], E], error: type[Exception], loading: str, *, again_seconds: float
    ) -> None:
        self._open_one, self._error, self._loading, self._again_seconds = open_one, error, loading, again_seconds
        self.open: dict[K, E] = {}
        self.failed: dict[K, tuple[float, Exception]] = {}
        self._opening: dict[K, threading.Lock] = {}  # one a model: a large one that takes minutes holds up no other
        self._guard = threading.Lock()

    def of(self, key: K) -> E:
        """The model, opened if it is not yet."""
        found = self.open.get(key)
        if found is None:
            with self._lock(key):
                found = self.open.get(key) or self.open.setdefault(key, self._open_one(key))
        return found

    def soon(self, key: K) -> E:
        """The same, at once or not at all: it is loaded meanwhile. Raises the error, also that of a failed attempt."""
        if (found := self.open.get(key)) is not None:
            return found
        when, error = self.failed.get(key, (0.0, None))
        if error and time.monotonic() - when < self._again_seconds:
            raise error
        if not self._lock(key).locked():
            threading.Thread(target=self._remembered, args=[key], name="load-model", daemon=True).start()
        raise self._error(self._loading)

    def let_go(self, needed: Iterable[K]) -> None:
        """Free the memory of all others."""
        kept = set(needed)
        gone = [key for key in list(self.open) if key not in kept]
        for key in gone:
            self.open.pop(key).close()
            log.info("%s is used no more; its memory is free.", key.model)  # type: ignore[attr-defined]
        if gone:
            give_back()

    def _remembered(self, key: K) -> None:
        try:
            self.of(key)
        except self._error as error:
            log.error("%s", error.message)  # type: ignore[attr-defined]
            error.__cause__ = error.__context__ = error.__traceback__ = None  # they would hold a model that is refused
            self.failed[key] = (time.monotonic(), error)
        finally:
            connections.close_all()

    def _lock(self, key: K) -> threading.Lock:
        with self._guard:
            return self._opening.setdefault(key, threading.Lock())
