"""Do what blocks in threads: each kind of work has its own, so that none waits for another kind."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from django.db import connection

T = TypeVar("T")


class Threads:
    """So many threads; who is acting, and what else the context says, holds in them, too."""

    def __init__(self, name: str, number: int) -> None:
        self._pool = ThreadPoolExecutor(number, thread_name_prefix=name)

    async def do(self, work: Callable[..., T], *arguments: Any) -> T:
        """What `work` returns; the thread's connection to the database is let go afterwards."""
        run = copy_context().run
        return await asyncio.get_running_loop().run_in_executor(self._pool, run, _let_go_after, work, *arguments)


def _let_go_after(work: Callable[..., T], *arguments: Any) -> T:
    try:
        return work(*arguments)
    finally:
        connection.close()


starting = Threads("start", 4)  # answers
beating = Threads("beat", 1)  # what is written so far, and that somebody writes
keeping = Threads("keep", 4)  # what has been written
extracting = Threads("extract", 4)  # what stands for an answer that failed: it asks the embedding model
checking = Threads("check", 2)  # what was kept, which asks it as well
