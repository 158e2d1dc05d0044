"""Pass a program's request on to the process that writes answers, and hang up there as soon as the program has."""

import io
import select
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kb.services import UnixConnection
from search.answer_lane import CONNECT_SECONDS, AnswerLaneError, where

SEND_SECONDS = 30.0
LOOK_EVERY = 0.5  # seconds of silence, after which is looked whether somebody still waits
PIECE = 65_536  # bytes at the most

IsGone = Callable[[], bool]


class Relayed:
    """A response before its body is read, whose pieces come as they are sent. Whoever gets it closes it."""

    def __init__(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        self._connection, self._response = connection, response
        self.status_code = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}

    def __iter__(self) -> Iterator[bytes]:
        """Raises AnswerLaneError where it breaks off, or nobody waits any more."""
        try:
            while piece := self._response.read1(PIECE):
                yield piece
        except (OSError, HTTPException) as error:
            raise AnswerLaneError(str(error)) from error

    def read(self) -> bytes:
        """All of them. Raises AnswerLaneError."""
        return b"".join(self)

    def close(self) -> None:
        """Hang up."""
        self._response.close()
        self._connection.close()


def relay(method: str, path: str, *, headers: Mapping[str, str], content: bytes, is_gone: IsGone) -> Relayed:
    """What that process answers, on a connection of its own. Raises AnswerLaneError, also where `is_gone` says so."""
    connection, prefix = _connection()
    try:
        connection.connect()
        connection.sock.settimeout(SEND_SECONDS)
        connection.request(method, f"{prefix}/{path}", content, dict(headers))
        response = HTTPResponse(_Watched(connection.sock, is_gone), method=method)  # type: ignore[arg-type]
        response.begin()
    except (OSError, HTTPException) as error:
        connection.close()
        raise AnswerLaneError(str(error)) from error
    return Relayed(connection, response)


def _connection() -> tuple[HTTPConnection, str]:
    """Not open yet; and what stands before each path."""
    address = where()
    if not address.startswith("http"):
        return UnixConnection(Path(address)), ""
    parts = urlsplit(address)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=CONNECT_SECONDS), parts.path.rstrip("/")


class _Watched(io.RawIOBase):
    """What a socket receives, for as long as somebody waits for it."""

    def __init__(self, line: Any, is_gone: IsGone) -> None:
        self._line, self._is_gone = line, is_gone
        self._poll = select.poll()
        self._poll.register(line, select.POLLIN)

    def makefile(self, mode: str) -> io.BufferedReader:
        """As http.client asks a socket for it."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        is_here = getattr(self._line, "pending", int)  # TLS has read more than it gave
        while not is_here() and not self._poll.poll(LOOK_EVERY * 1000):
            if self._is_gone():
                raise ConnectionAbortedError("Nobody waits for the answer any more.")
        return self._line.recv_into(buffer)
