"""Whose texts are embedded next, where more is asked for than can be computed at once."""

import heapq
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from threading import Condition

AT_ONCE = max(2, (os.cpu_count() or 2) // 2)  # more would each be later, and hold more memory


class NobodyWaits(Exception):
    """Whoever asked has gone meanwhile."""


class Turns:
    """A few have their turn at once: single texts, which are questions, before several; else in the order of asking.

    Where there are two turns or more, one is never given to several texts, which take long: it waits for a question.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free, self._numbers = at_once, count()
        self._kept_free = min(1, at_once - 1)  # for questions
        self._waiting: list[tuple[bool, int]] = []
        self._changed = Condition()

    @contextmanager
    def turn(self, texts: int, is_waited_for: Callable[[], bool]) -> Iterator[None]:
        """Waits for a turn. Raises NobodyWaits where it has come too late."""
        mine = (texts > 1, next(self._numbers))
        least = self._kept_free if texts > 1 else 0
        with self._changed:
            heapq.heappush(self._waiting, mine)
            self._changed.wait_for(lambda: self._waiting[0] == mine and self._free > least)
            heapq.heappop(self._waiting)
            self._free -= 1
            self._changed.notify_all()  # another may be free, too
        try:
            if not is_waited_for():
                raise NobodyWaits
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()
