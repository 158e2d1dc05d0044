"""How a web process has answers written: begin one, follow it, stop it. Nothing here waits for a model to begin."""

import json
import socket
import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings

from kb.acting import as_json
from kb.kept import Kept
from search.chat import Turn

CONNECT_SECONDS = 2.0
ASK_SECONDS = httpx.Timeout(5.0, connect=CONNECT_SECONDS)
FOLLOW_SECONDS = httpx.Timeout(30.0, connect=CONNECT_SECONDS)  # it says twice a second that it goes on


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
    """{"at", "text"} from that piece on, at last {"ending": ...}; nothing where it is not known (any more).

    {} comes twice a second while nothing is written, so that whoever reads can look whether it is still wanted.
    """
    with _streaming("GET", f"runs/{name}", params={"start": start}) as lines:
        yield from lines


def stream(name: str, chat_model: int, turns: Sequence[Turn], count: int) -> Generator[dict[str, Any]]:
    """The same for an answer that is kept nowhere: closing the iterator ends it."""
    body = {"name": name, "chat_model": chat_model, "turns": list(turns), "count": count, "acting": as_json()}
    return _streamed(body)  # who is acting is written into it now, and not when the first line is wanted


def _streamed(body: dict[str, Any]) -> Generator[dict[str, Any]]:
    with _streaming("POST", "stream", json=body) as lines:
        yield from lines


def complete(chat_model: int, turns: Sequence[Turn], *, seconds: float) -> str:
    """A short answer, whole; AnswerLaneError where there is none within so many seconds, whatever the model does."""
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
        self._asked = _clients.of(where()).stream(method, path, timeout=timeout, **rest)

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
        response = _clients.of(where()).post(path, json=body, timeout=ASK_SECONDS)
        response.raise_for_status()
        return response.json()
    except httpx.HTTPError as error:
        raise AnswerLaneError(str(error)) from error


def _must_listen() -> None:
    """A socket that is not there, or is a dead process's, is tried by hand: httpcore would leave a file open behind."""
    path = where()
    if path.startswith("http"):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(CONNECT_SECONDS)
        try:
            probe.connect(path)
        except OSError as error:
            raise AnswerLaneError(f"Nobody listens at {path}.") from error


def where() -> str:
    """Its network address, else the path of its socket."""
    listen = settings.KB_ANSWER_LISTEN
    return settings.KB_ANSWER_URL or (f"http://{listen}" if listen else str(socket_path()))


def _client(address: str) -> httpx.Client:
    """Connections are kept, as many at once as there are streams."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    if address.startswith("http"):
        return httpx.Client(base_url=address, limits=limits, trust_env=False)
    transport = httpx.HTTPTransport(uds=address, limits=limits)
    return httpx.Client(base_url="http://answer", transport=transport)


_clients: Kept[str, httpx.Client] = Kept(_client)
