"""How a web process has answers written: begin one, follow it, stop it. Nothing here waits for a model to begin."""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings

from kb.acting import as_json
from search.chat import Turn

CONNECT_SECONDS = 2.0
ASK_SECONDS = httpx.Timeout(5.0, connect=CONNECT_SECONDS)
FOLLOW_SECONDS = httpx.Timeout(None, connect=CONNECT_SECONDS)
_opening = threading.Lock()  # of threads that begin at once, one makes the client


class AnswerLaneError(Exception):
    """The process that writes answers does not answer."""


def socket_path() -> Path:
    """Where its socket lies, if it is not at a network address."""
    return Path(settings.KB_DATA) / "run" / "answer.sock"


def begin(name: str, chat_model: int, turns: Sequence[Turn], count: int, *, message: int | None = None) -> None:
    """Have an answer written that goes on whoever is looking; `count` passages may be cited. Raises AnswerLaneError."""
    body = {
        "name": name,
        "chat_model": chat_model,
        "turns": list(turns),
        "count": count,
        "message": message,
        "acting": as_json(),
    }
    _post("runs", body)


def stop(name: str) -> bool:
    """End it at once; False where it had ended. Raises AnswerLaneError."""
    return bool(_post(f"runs/{name}/stop", {}).get("stopped"))


def follow(name: str, start: int = 0) -> Iterator[dict[str, Any]]:
    """{"at", "text"} from that piece on, at last {"ending": ...}; nothing where it is not known (any more)."""
    with _streaming("GET", f"runs/{name}", params={"start": start}) as lines:
        yield from lines


def stream(name: str, chat_model: int, turns: Sequence[Turn], count: int) -> Generator[dict[str, Any]]:
    """The same for an answer that is kept nowhere: closing the iterator ends it."""
    body = {"name": name, "chat_model": chat_model, "turns": list(turns), "count": count, "acting": as_json()}
    return _streamed(body)  # who is acting is written into it now, and not when the first line is wanted


def _streamed(body: dict[str, Any]) -> Generator[dict[str, Any]]:
    with _streaming("POST", "stream", json=body) as lines:
        yield from lines


def relay(method: str, path: str, *, headers: Mapping[str, str], content: bytes) -> httpx.Response:
    """A response of that process before its body is read; whoever gets it closes it. Raises AnswerLaneError."""
    _must_listen()
    with _opening:
        client = _client(os.getpid(), _where())
    asked = client.build_request(method, path, headers=headers, content=content, timeout=FOLLOW_SECONDS)
    try:
        return client.send(asked, stream=True)
    except httpx.HTTPError as error:
        raise AnswerLaneError(str(error)) from error


def complete(chat_model: int, turns: Sequence[Turn], *, seconds: float) -> str:
    """A short answer, whole; AnswerLaneError where there is none within so many seconds."""
    deadline, text = time.monotonic() + seconds, ""
    waiting = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
    body = {
        "name": f"once-{uuid.uuid4()}",
        "chat_model": chat_model,
        "turns": list(turns),
        "count": 0,
        "acting": as_json(),
    }
    with _streaming("POST", "stream", timeout=waiting, json=body) as lines:
        for line in lines:
            text += line.get("text", "")
            if ending := line.get("ending"):
                return _whole(text, ending)
            if time.monotonic() > deadline:
                break
    raise AnswerLaneError("The language model took too long.")


def _whole(text: str, ending: dict[str, Any]) -> str:
    if ending["state"] != "done":
        raise AnswerLaneError(ending["error"] or "The language model stopped.")
    return text[ending.get("begins", 0) :]


class _streaming:  # noqa: N801
    """A request whose lines come one by one; leaving it hangs up."""

    def __init__(self, method: str, path: str, *, timeout: httpx.Timeout = FOLLOW_SECONDS, **rest: Any) -> None:
        self._asked = _client(os.getpid(), _where()).stream(method, path, timeout=timeout, **rest)

    def __enter__(self) -> Iterator[dict[str, Any]]:
        _must_listen()
        try:
            response = self._asked.__enter__()
        except httpx.HTTPError as error:
            raise AnswerLaneError(str(error)) from error
        return self._lines(response)

    def _lines(self, response: httpx.Response) -> Iterator[dict[str, Any]]:
        if response.status_code != httpx.codes.OK:
            return
        try:
            for line in response.iter_lines():
                yield json.loads(line)
        except httpx.HTTPError as error:
            raise AnswerLaneError(str(error)) from error

    def __exit__(self, *error: Any) -> None:
        self._asked.__exit__(*error)


def _post(path: str, body: dict[str, Any]) -> dict[str, Any]:
    _must_listen()
    try:
        response = _client(os.getpid(), _where()).post(path, json=body, timeout=ASK_SECONDS)
        response.raise_for_status()
        return response.json()
    except httpx.HTTPError as error:
        raise AnswerLaneError(str(error)) from error


def _must_listen() -> None:
    """A socket that is not there, or is a dead process's, is tried by hand: httpcore would leave a file open behind."""
    where = _where()
    if where.startswith("http"):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(CONNECT_SECONDS)
        try:
            probe.connect(where)
        except OSError as error:
            raise AnswerLaneError(f"Nobody listens at {where}.") from error


def _where() -> str:
    listen = settings.KB_ANSWER_LISTEN
    return settings.KB_ANSWER_URL or (f"http://{listen}" if listen else str(socket_path()))


@lru_cache(4)
def _client(process: int, where: str) -> httpx.Client:
    """One a process: connections are kept, as many at once as there are streams."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    if where.startswith("http"):
        return httpx.Client(base_url=where, limits=limits, trust_env=False)
    transport = httpx.HTTPTransport(uds=where, limits=limits)
    return httpx.Client(base_url="http://answer", transport=transport)
