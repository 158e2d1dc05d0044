"""Keep the vectors of indexes in memory, within a limit, for as long as they are asked for."""

import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

IDLE_SECONDS = 300.0  # without a question, after which a matrix is let go
LOOK_SECONDS = 60.0


@dataclass(frozen=True)
class Matrix:
    """An index as the database had it in this state: chunk ids (n,), and vectors (n, dimension) of length 1."""

    state: tuple
    chunk_ids: np.ndarray
    vectors: np.ndarray


class Memory:
    """That of a process. What was asked for longest ago makes room; what nobody asks for goes by itself."""

    def __init__(self) -> None:
        self._matrices: OrderedDict[int, tuple[Matrix, float]] = OrderedDict()  # with the time of the last question
        self._held = 0  # bytes of what is being read
        self._lock = threading.Lock()
        self._reading: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)
        self._watch: threading.Timer | None = None

    @property
    def size(self) -> int:
        """In bytes, with what is being read."""
        return self._held + sum(matrix.vectors.nbytes for matrix, _ in self._matrices.values())

    def get(self, key: int, state: tuple) -> Matrix | None:
        """The matrix of this key, if it is in this state."""
        with self._lock:
            matrix, _ = self._matrices.pop(key, (None, 0.0))
            if matrix is None or matrix.state != state:
                return None
            self._matrices[key] = (matrix, time.monotonic())
            return matrix

    def keep(self, key: int, matrix: Matrix) -> None:
        with self._lock:
            self._matrices[key] = (matrix, time.monotonic())
            self._watch_over()

    def forget(self, key: int) -> None:
        with self._lock:
            self._matrices.pop(key, None)

    @contextmanager
    def alone(self, key: int, seconds: float) -> Iterator[None]:
        """So that of many who ask for the same at once, one reads it; a negative number is any time.

        Raises TimeoutError where another is still reading then. Others' indexes are not held up.
        """
        with self._lock:
            reading = self._reading[key]
        if not reading.acquire(timeout=seconds):
            raise TimeoutError
        try:
            yield
        finally:
            reading.release()

    @contextmanager
    def room(self, size: int, most: int) -> Iterator[bool]:
        """Whether so many bytes fit in beside what is being read now; they are held until they are kept."""
        with self._lock:
            fits = self._held + size <= most
            while fits and self.size + size > most:
                self._matrices.popitem(last=False)
            self._held += size if fits else 0
        try:
            yield fits
        finally:
            with self._lock:
                self._held -= size if fits else 0

    def _watch_over(self) -> None:
        """Look again in a while, and as long as there is anything."""
        if self._watch is None and self._matrices:
            self._watch = threading.Timer(LOOK_SECONDS, self._forget_idle)
            self._watch.daemon = True
            self._watch.start()

    def _forget_idle(self) -> None:
        with self._lock:
            before = time.monotonic() - IDLE_SECONDS
            for key in [key for key, (_, asked) in self._matrices.items() if asked <= before]:
                del self._matrices[key]
            self._watch = None
            self._watch_over()
