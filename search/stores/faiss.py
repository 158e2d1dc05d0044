"""Keep vectors in files of the data folder, searched by faiss in the process that asks.

One process writes at a time, under a lock that the system frees when it dies; any number read, and notice what was
written by a look at two small files. Adding costs as much as is added: a log takes it, and an index is built of it
now and then (see faiss_state).
"""

import re
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from django.conf import settings

from kb.lock import alone
from search.stores import Neighbour, StoreError, entries, finite
from search.stores.faiss_state import State, begin, opened, token_of

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
LOCK_SECONDS = 600  # to build a graph of some hundred thousand vectors; a dead writer's lock is free at once
OPEN_MOST = 200  # collections that a process keeps open


class FaissStore:
    """A folder a collection. What is open is shared by all of these in a process."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or settings.KB_DATA / "faiss"

    def add(self, collection: str, chunk_ids: Sequence[int], vectors: np.ndarray) -> None:
        rows = entries(chunk_ids, vectors)
        if len(set(chunk_ids)) < len(chunk_ids):
            raise StoreError("An id came twice.")
        with self._writing():
            path = self._path(collection)
            if not (path / "current").exists():
                begin(path, rows.shape[1])
            state = self._state(collection)
            if rows.shape[1] != state.dimension:
                raise StoreError(f"Vectors of {rows.shape[1]} numbers do not go with {state.dimension}.")
            if len(rows):
                _keep(path, state.changed(np.array(chunk_ids, np.int64), rows))

    def remove(self, collection: str, chunk_ids: Sequence[int]) -> None:
        with self._writing():
            if (self._path(collection) / "current").exists():
                state = self._state(collection)
                here = set(chunk_ids) - state.absent(np.array(chunk_ids, np.int64))
                if here:
                    _keep(self._path(collection), state.changed(np.array(sorted(here), np.int64), None))

    def nearest(self, collection: str, vector: np.ndarray, limit: int) -> list[Neighbour]:
        return self._state(collection).nearest(finite(vector), limit)

    def missing(self, collection: str, chunk_ids: Sequence[int]) -> set[int]:
        try:
            return self._state(collection).absent(np.array(chunk_ids, np.int64))
        except UnknownCollection:
            return set(chunk_ids)

    def vectors(self, collection: str, chunk_ids: Sequence[int]) -> tuple[list[int], np.ndarray]:
        try:
            ids, rows = self._state(collection).vectors(np.array(chunk_ids, np.int64))
        except UnknownCollection:
            return [], np.empty((0, 0), np.float32)
        return ids.tolist(), rows

    def count(self, collection: str) -> int:
        try:
            return self._state(collection).count
        except UnknownCollection:
            return 0

    def ids(self, collection: str) -> Iterator[int]:
        try:
            yield from self._state(collection).ids().tolist()
        except UnknownCollection:
            return

    def dimension(self, collection: str) -> int | None:
        try:
            return self._state(collection).dimension
        except UnknownCollection:
            return None

    def drop(self, collection: str) -> None:
        with self._writing():
            path = self._path(collection)
            if path.exists():
                gone = self.folder / f".gone-{time.time_ns()}"
                path.rename(gone)
                shutil.rmtree(gone, ignore_errors=True)

    def collections(self) -> Iterator[str]:
        if self.folder.exists():
            yield from sorted(path.name for path in self.folder.iterdir() if NAME.fullmatch(path.name))

    def _path(self, collection: str) -> Path:
        if not NAME.fullmatch(collection):
            raise StoreError(f"{collection!r} is no name of a collection.")
        return self.folder / collection

    def _state(self, collection: str) -> State:
        """As the last writer of any process left it."""
        path = self._path(collection)
        with _lock_of(path):
            known = _opened.get(path)
            try:
                state = (known and _grown(known)) or opened(path)
            except (FileNotFoundError, NotADirectoryError):
                _opened.pop(path, None)
                raise UnknownCollection(f"There is no collection {collection}.") from None
            except OSError as error:
                raise StoreError(f"{path} cannot be read: {error}") from error
            _keep(path, state)
        return state

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Alone among all processes and threads. Raises StoreError where that is not granted in ten minutes."""
        try:
            with alone(self.folder / ".lock", LOCK_SECONDS):
                yield
        except OSError as error:
            raise StoreError(f"{self.folder} cannot be written: {error}") from error


class UnknownCollection(StoreError):
    """There is no folder of this name."""


def _grown(state: State) -> State | None:
    """With what was written since; None where another base has taken its place, be it while this is looked at."""
    try:
        is_current = state.token == token_of(state.folder) and state.log.stat().st_size >= state.end
        return state.newer() if is_current else None
    except FileNotFoundError:
        return None


_opened: OrderedDict[Path, State] = OrderedDict()
_one_at_a_time = threading.Lock()
_locks: dict[Path, threading.Lock] = {}


def _lock_of(path: Path) -> threading.Lock:
    """Threads read a collection's new changes one after the other, so that they read them once."""
    with _one_at_a_time:
        return _locks.setdefault(path, threading.Lock())


def _keep(path: Path, state: State) -> None:
    with _one_at_a_time:
        _opened[path] = state
        _opened.move_to_end(path)
        while len(_opened) > OPEN_MOST:
            _opened.popitem(last=False)
