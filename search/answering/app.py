"""How the web processes reach the process that writes answers: HTTP on a socket of this installation's user.

POST /runs                {"name", "chat_model", "turns", "count", "message"}   begin; 202
GET  /runs/NAME?start=N   lines of JSON: {"at", "text"} ..., at last {"ending": {...}}
POST /runs/NAME/stop      end it at once
POST /stream              as POST /runs, answered with the lines; whoever hangs up ends it
GET  /health

What settings.ANSWER_MOUNTS names is served here, too: other things that need an event loop.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

import httpx2
from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from kb.acting import acts_as
from search.answering.keep import keep, keep_so_far
from search.answering.runs import Run, Runs
from search.chat import Piece, Request
from search.chat.client import open_http, stream
from search.chat.models import NoSuchModel, settings_of

log = logging.getLogger(__name__)

ENDING_SECONDS = 10.0
KEEP_EVERY = 1.0  # seconds: what is written is kept in the database so often
NDJSON = "application/x-ndjson"
T = TypeVar("T")
DATABASE_THREADS = 8
_threads = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="database")


async def in_database(work: Callable[..., T], *arguments: Any) -> T:
    """What `work` returns; it runs in a thread whose connection to the database is let go afterwards."""
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(_let_go_after, work, *arguments))


def _let_go_after(work: Callable[..., T], *arguments: Any) -> T:
    try:
        return work(*arguments)
    finally:
        connection.close()


class Answering:
    """The runs of this process and their connections to model servers."""

    def __init__(self) -> None:
        self.http: httpx2.AsyncClient | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.runs = Runs(self._stream, self._ended)
        self._messages: dict[str, int] = {}

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
        message = self._messages.pop(run.name, None)
        if message and run.ending:
            try:
                await in_database(keep, message, run.text, run.ending)
            except Exception:
                log.exception("The answer of message %s could not be kept", message)

    async def keep_on(self) -> None:
        """Keep what is written so far, every second, until cancelled."""
        while True:
            await asyncio.sleep(KEEP_EVERY)
            writing = [run for run in self.runs.writing() if run.name in self._messages]
            texts = {self._messages[run.name]: run.text for run in writing}
            try:
                await (in_database(keep_so_far, texts) if texts else asyncio.sleep(0))
            except Exception:
                log.exception("What is written so far could not be kept; it is tried again.")

    def stop_all(self) -> None:
        """End every answer; what is written is kept."""
        for run in self.runs.writing():
            self.runs.stop(run.name)

    async def end_all(self) -> None:
        """The same at the end of the process, which waits for it."""
        self.stop_all()
        tasks = [task for task in asyncio.all_tasks() if task.get_name().startswith("answer-")]
        if tasks:
            await asyncio.wait(tasks, timeout=ENDING_SECONDS)


answering = Answering()
mounted = {path: import_string(name)() for path, name in settings.ANSWER_MOUNTS.items()}


def stop_from_signal() -> None:
    """End every answer, from a signal's handler: whoever follows one is told, so that the server can end."""
    if answering.loop:
        answering.loop.call_soon_threadsafe(answering.stop_all)


@asynccontextmanager
async def _life(app: Starlette):
    answering.http, answering.loop = open_http(), asyncio.get_running_loop()
    keeping = asyncio.create_task(answering.keep_on())
    try:
        async with AsyncExitStack() as stack:
            for each in mounted.values():
                await stack.enter_async_context(each.life())
            yield
    finally:
        await answering.end_all()
        keeping.cancel()
        await answering.http.aclose()


async def _asked(http: HttpRequest) -> tuple[dict, Request]:
    asked = await http.json()
    chosen = await in_database(settings_of, asked.get("chat_model"))
    return asked, Request(chosen, tuple(asked["turns"]))


async def start(http: HttpRequest) -> Response:
    """POST /runs"""
    try:
        asked, request = await _asked(http)
    except NoSuchModel as error:
        return JSONResponse({"error": str(error)}, 404)
    answering.begin(asked, request)
    return JSONResponse({"name": asked["name"]}, 202)


async def follow(http: HttpRequest) -> Response:
    """GET /runs/NAME"""
    run = answering.runs.get(http.path_params["name"])
    if run is None:
        return JSONResponse({"error": "Nothing of this name is being written."}, 404)
    return StreamingResponse(_lines(run, int(http.query_params.get("start", 0))), media_type=NDJSON)


async def stop(http: HttpRequest) -> Response:
    """POST /runs/NAME/stop"""
    return JSONResponse({"stopped": answering.runs.stop(http.path_params["name"])})


async def stream_one(http: HttpRequest) -> Response:
    """POST /stream"""
    try:
        asked, request = await _asked(http)
    except NoSuchModel as error:
        return JSONResponse({"error": str(error)}, 404)
    run = answering.begin(asked, request)
    return StreamingResponse(_while_listening(run), media_type=NDJSON)


async def _while_listening(run: Run) -> AsyncIterator[bytes]:
    try:
        async for line in _lines(run, 0):
            yield line
    finally:
        answering.runs.stop(run.name)


async def _lines(run: Run, start: int) -> AsyncIterator[bytes]:
    async for at, text in run.follow(start):
        yield _line({"at": at, "text": text})
    if run.task:
        await asyncio.wait([run.task])  # what was written is kept before readers are told that it has ended
    if run.ending:
        yield _line({"ending": asdict(run.ending)})


def _line(content: dict) -> bytes:
    return json.dumps(content).encode() + b"\n"  # in ASCII: U+2028 and others would end the line for its readers


async def health(http: HttpRequest) -> Response:
    """GET /health"""
    return JSONResponse({"status": "ready", "writing": len(answering.runs.writing())})


app = Starlette(
    routes=[
        Route("/runs", start, methods=["POST"]),
        Route("/runs/{name}", follow),
        Route("/runs/{name}/stop", stop, methods=["POST"]),
        Route("/stream", stream_one, methods=["POST"]),
        Route("/health", health),
        *(Mount(path, each) for path, each in mounted.items()),
    ],
    lifespan=_life,
)
