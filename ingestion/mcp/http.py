"""MCP over HTTP, in the process that writes answers: without sessions, so that any web process may pass a call on.

The web process has let the call in and counted it; the key is looked at again here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from django.conf import settings
from django.db import connections
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from kb.api_errors import ApiError
from kb.api_keys import person_behind
from kb.models import User

PERSON = "lectern.person"


class McpOverHttp:
    """An ASGI application. The SDK is imported with the first call."""

    _manager: Any
    _running: asyncio.Task | None
    _opening: asyncio.Lock

    @asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        """While the process runs; at its end the calls at hand are ended."""
        self._manager, self._running, self._opening = None, None, asyncio.Lock()
        try:
            yield
        finally:
            if self._running:
                self._running.cancel()
                await asyncio.wait([self._running])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            person = await asyncio.to_thread(_person, Request(scope).headers.get("authorization", ""))
        except ApiError as error:
            await JSONResponse({"error": error.message}, error.status)(scope, receive, send)
            return
        if person is None:
            await JSONResponse({"error": "No valid key."}, 401)(scope, receive, send)
            return
        manager = await self._open()
        await manager.handle_request({**scope, PERSON: person}, receive, send)

    async def _open(self) -> Any:
        async with self._opening:
            if self._manager is None:
                manager = await asyncio.to_thread(_new_manager)
                opened = asyncio.Event()
                self._running = asyncio.create_task(_run(manager, opened), name="mcp")
                await opened.wait()
                self._manager = manager
        return self._manager


async def _run(manager: Any, opened: asyncio.Event) -> None:
    async with manager.run():
        opened.set()
        await asyncio.Event().wait()


def _new_manager() -> Any:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from ingestion.mcp.server import make_server

    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return StreamableHTTPSessionManager(make_server(_who), stateless=True, max_request_body_size=limit)


def _who(ctx: Any) -> Callable[[], User]:
    return lambda: ctx.request.scope[PERSON]


def _person(authorization: str) -> User | None:
    kind, _space, secret = authorization.partition(" ")
    try:
        return person_behind(secret) if kind.lower() == "bearer" else None
    finally:
        connections.close_all()
