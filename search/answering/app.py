"""How the web processes reach the process that writes answers: HTTP on a socket of this installation's user.

POST /runs                {"name", "chat_model", "turns", "count", "message"}   begin; 202
GET  /runs/NAME?start=N   lines of JSON: {"at", "text"} ..., {} while nothing is said, at last {"ending": {...}}
POST /runs/NAME/stop      end it at once
POST /stream              as POST /runs, answered with the lines; whoever hangs up ends it
GET  /health

What settings.ANSWER_MOUNTS names is served here, too: other things that need an event loop.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict

from django.conf import settings
from django.utils.module_loading import import_string
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from search.answering.runs import Run
from search.answering.threads import starting
from search.answering.writer import Answering
from search.chat import ChatSettings, Request
from search.chat.client import open_http
from search.chat.models import NoSuchModel, settings_of
from search.models import Message

BEAT = 0.5  # seconds of silence after which readers are told that it goes on
NDJSON = "application/x-ndjson"


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


class NotWaitedForError(Exception):
    """The message was ended, or deleted, before its answer was begun."""


async def _asked(http: HttpRequest) -> tuple[dict, Request]:
    """Raises NoSuchModel and NotWaitedForError."""
    asked = await http.json()
    chosen = await starting.do(_chosen, asked.get("chat_model"), asked.get("message"))
    return asked, Request(chosen, tuple(asked["turns"]))


def _chosen(chat_model: int | None, message: int | None) -> ChatSettings:
    chosen = settings_of(chat_model)
    if message and not Message.objects.filter(pk=message, state=Message.State.WRITING).exists():
        raise NotWaitedForError("Nobody waits for this answer any more.")
    return chosen


async def start(http: HttpRequest) -> Response:
    """POST /runs"""
    try:
        asked, request = await _asked(http)
    except NoSuchModel as error:
        return JSONResponse({"error": str(error)}, 404)
    except NotWaitedForError as error:
        return JSONResponse({"error": str(error)}, 409)
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
    return StreamingResponse(_while_listening(asked, request), media_type=NDJSON)


async def _while_listening(asked: dict, request: Request) -> AsyncIterator[bytes]:
    """Begun by the first look at it: of whoever is gone by then nothing is left behind."""
    run = answering.begin(asked, request)
    try:
        async for line in _lines(run, 0):
            yield line
    finally:
        answering.runs.stop(run.name)


async def _lines(run: Run, start: int) -> AsyncIterator[bytes]:
    async for at, text in run.follow(start, beat=BEAT):
        yield _line({"at": at, "text": text} if text else {})
    while run.task and not (await asyncio.wait([run.task], timeout=BEAT))[0]:
        yield _line({})  # what was written is kept before readers are told that it has ended
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
