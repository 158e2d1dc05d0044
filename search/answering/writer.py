"""The answers of this process: begun, kept while they are written and when they have ended, and then checked."""

import asyncio
import logging
from collections.abc import AsyncIterator

import httpx2
from django.db import InterfaceError, OperationalError

from kb.acting import acts_as
from search.answering.check import check
from search.answering.keep import keep, keep_so_far
from search.answering.runs import Ending, Run, Runs
from search.answering.threads import beating, checking, extracting, keeping
from search.chat import Piece, Request
from search.chat.client import stream

log = logging.getLogger(__name__)

KEEP_EVERY = 1.0  # seconds: what is written is kept in the database so often
KEEP_AGAIN = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds: a database that is away is asked again after each
ENDING_SECONDS = 10.0


class Answering:
    """The runs of this process and their connections to model servers."""

    def __init__(self) -> None:
        self.http: httpx2.AsyncClient | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.runs = Runs(self._stream, self._ended)
        self._messages: dict[str, int] = {}
        self._checks: set[asyncio.Task] = set()

    async def _stream(self, request: Request) -> AsyncIterator[Piece]:
        async for piece in stream(request, self.http):
            yield piece

    def begin(self, asked: dict, request: Request) -> Run:
        """Start what is asked for; `message` is the row that the answer is kept in, if any."""
        name = str(asked["name"])
        if asked.get("message"):
            self._messages[name] = int(asked["message"])
        with acts_as(asked.get("acting")):
            return self.runs.start(name, request, int(asked.get("count", 0)))

    async def _ended(self, run: Run) -> None:
        """Keep it at once; what it says is held against its sources afterwards, in its own time."""
        message = self._messages.get(run.name)
        try:
            if message and run.ending and await self._kept(message, run.text, run.ending):
                self._check_later(message)
        except Exception:
            log.exception("The answer of message %s could not be kept", message)
        finally:
            self._messages.pop(run.name, None)

    async def _kept(self, message: int, text: str, ending: Ending) -> bool:
        """Whether it is to be checked. Raises what the database raises for half a minute."""
        threads = extracting if ending.state == "failed" else keeping
        for wait in KEEP_AGAIN:
            try:
                return await threads.do(keep, message, text, ending)
            except (OperationalError, InterfaceError) as error:
                log.warning("The answer of message %s waits for the database: %s", message, error)
                await asyncio.sleep(wait)
        return await threads.do(keep, message, text, ending)

    def _check_later(self, message: int) -> None:
        task = asyncio.create_task(self._check(message), name=f"check-{message}")
        self._checks.add(task)
        task.add_done_callback(self._checks.discard)

    async def _check(self, message: int) -> None:
        try:
            await checking.do(check, message)
        except Exception:
            log.exception("The answer of message %s could not be checked; the sweep tries again.", message)

    async def keep_on(self) -> None:
        """Keep what is written so far, every second, until cancelled."""
        while True:
            await asyncio.sleep(KEEP_EVERY)
            try:
                await self._keep_so_far()
            except Exception:
                log.exception("What is written so far could not be kept; it is tried again.")

    async def _keep_so_far(self) -> None:
        """Of all whose end is not kept yet, however long that takes. Those that nobody waits for are stopped."""
        mine = {self._messages[run.name]: run for run in self.runs.unkept() if run.name in self._messages}
        if mine:
            texts = {message: run.text for message, run in mine.items()}
            for message in await beating.do(keep_so_far, texts):
                self.runs.stop(mine[message].name)

    def stop_all(self) -> None:
        """End every answer; what is written is kept."""
        for run in self.runs.writing():
            self.runs.stop(run.name)

    async def end_all(self) -> None:
        """The same at the end of the process, which waits for it. What is not checked by then is left to the sweep."""
        self.stop_all()
        tasks = [run.task for run in self.runs.unkept() if run.task]
        if tasks:
            await asyncio.wait(tasks, timeout=ENDING_SECONDS)
        for task in self._checks:
            task.cancel()
