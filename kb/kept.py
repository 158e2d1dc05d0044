"""What a process keeps open for all its threads: one thing a key, until it is told to close them."""

import os
import threading
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

from cachetools import LRUCache


class Closable(Protocol):
    def close(self) -> None: ...


K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound=Closable)


class Kept(Generic[K, T]):
    """Each is opened when it is first asked for, once however many threads ask, and not shared with a forked child.

    Of more than `most`, those that were not asked for longest are let go of; whoever still has one may go on with it.
    """

    def __init__(self, open_one: Callable[[K], T], *, most: int = 32) -> None:
        self._open_one = open_one
        self._open: LRUCache[tuple[int, K], T] = LRUCache(most)
        self._lock = threading.Lock()

    def of(self, key: K) -> T:
        """Raises what opening it raises, and keeps nothing then."""
        mine = (os.getpid(), key)
        with self._lock:
            if mine not in self._open:
                self._open[mine] = self._open_one(key)
            return self._open[mine]

    def close(self) -> None:
        """Close all of them; what is asked for next is opened anew."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()
