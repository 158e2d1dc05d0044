"""Rows that wait for a thread to write them: whoever has something to write down waits for no database."""

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections

log = logging.getLogger(__name__)

AT_ONCE = 200  # rows, with which the thread does not wait for its time
MOST = 10_000  # rows that wait at the most: beyond, the oldest are lost

Row = dict[str, Any]


class Buffer:
    """Rows for `write`, which takes some at a time and may raise. Any thread may add; a forked child begins empty.

    What a database that is away does not take waits, and is tried again; what fails otherwise is logged and dropped.
    """

    def __init__(self, write: Callable[[list[Row]], None], *, most: int = MOST) -> None:
        self._write = write
        self._rows: deque[Row] = deque(maxlen=most)
        self._lost = 0
        self._begin()
        os.register_at_fork(after_in_child=self._forked)

    def _begin(self) -> None:
        self._thread: threading.Thread | None = None
        self._guard, self._flushing, self._wake = threading.Lock(), threading.Lock(), threading.Event()
        self._is_away = False

    def _forked(self) -> None:
        self._rows.clear()
        self._begin()

    def __len__(self) -> int:
        return len(self._rows)

    def clear(self) -> None:
        """Forget what waits."""
        self._rows.clear()

    def add(self, row: Row) -> None:
        """Have it written within KB_FLUSH_CALLS_SECONDS. Raises nothing."""
        self._lost += len(self._rows) == self._rows.maxlen
        self._rows.append(row)
        if len(self._rows) >= AT_ONCE:
            self._wake.set()
        if self._thread is None and settings.KB_FLUSH_CALLS_SECONDS:
            self._start()

    def _start(self) -> None:
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="call-log", daemon=True)
                self._thread.start()
                atexit.register(self.flush)

    def _run(self) -> None:
        while True:
            self._wake.wait(settings.KB_FLUSH_CALLS_SECONDS)
            self._wake.clear()
            if self._rows:
                self.flush()
                connections.close_all()
            if self._is_away:  # whatever comes in, it is not asked more often than this
                time.sleep(settings.KB_FLUSH_CALLS_SECONDS)

    def flush(self) -> None:
        """Write what waits, now. Raises nothing."""
        with self._flushing:
            while rows := self._taken():
                if not self._written(rows):
                    return
            if self._lost:
                log.warning("%d calls of models were not written down: the database was away.", self._lost)
                self._lost = 0

    def _taken(self) -> list[Row]:
        rows: list[Row] = []
        while self._rows and len(rows) < AT_ONCE:
            rows.append(self._rows.popleft())
        return rows

    def _written(self, rows: list[Row]) -> bool:
        """False where the database is away: they wait on."""
        try:
            self._write(rows)
        except (OperationalError, InterfaceError) as error:
            if not self._is_away:
                log.warning("The database takes no calls of models just now; they wait: %s", error)
            self._is_away = True
            self._put_back(rows)
            return False
        except Exception:
            log.exception("%d calls of models could not be written down.", len(rows))
        self._is_away = False
        return True

    def _put_back(self, rows: Iterable[Row]) -> None:
        listed = list(rows)
        room = (self._rows.maxlen or MOST) - len(self._rows)
        kept = listed[len(listed) - min(room, len(listed)) :]
        self._lost += len(listed) - len(kept)
        self._rows.extendleft(reversed(kept))
