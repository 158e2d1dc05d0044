"""A server that speaks `/v1/chat/completions` as language models do, well or badly, on a port of this machine.

`with ModelServer() as server:` serves in threads; `server.habits` says how, `server.asked` what it was asked, and each
of these when its client hung up.
"""

import json
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ENDLESS = {"empty": {"content": ""}, "thinks": {"reasoning_content": "Hm. "}}
LATE = ("lingers", "slips", "stumbles", "trips")
ODD = {"half": {"content": " Always\ud83d"}, "zero": {"content": " Always\0"}}
ANSWER = ("The", " kettle", " is", " descaled", " monthly", " [1].")


@dataclass
class Habits:
    """What the server does; as it stands, all that it should.

    `fault`: "" (none), "hangs" (says nothing more after the first pieces), "cut" (breaks the connection there),
    "garbage" (a line that is no JSON), "wrong" (JSON of another shape), "error" (an error as an event), "html" (a page
    instead of events), "endless" (repeats its pieces for ever), "silent" (takes the question, and says nothing),
    "empty", "thinks" or "comments" (go on for ever after the first pieces: with pieces of no text, thoughts, or lines
    that are no events), "half" or "zero" (a piece that ends with half of a character, or with NUL, ends the answer),
    "lingers", "slips", "stumbles" or "trips" (all is well until the end of the answer is said, behind which nothing
    more is, or no JSON, or JSON of another shape, or the connection breaks).
    `statuses`: (status, headers) for the next requests, before any is answered.
    """

    pieces: tuple[str, ...] = ANSWER
    pace: float = 0.0  # seconds before each piece
    first: float = 0.0  # seconds before the first one, in addition
    fault: str = ""
    after: int = 2  # pieces, before the fault
    ending: str | None = "stop"  # finish_reason; None: it never says one
    done: bool = True  # whether it says [DONE]
    usage: bool = True
    key: str = ""
    models: tuple[str, ...] = ("plain-model",)
    statuses: list[tuple[int, dict[str, str]]] = field(default_factory=list)


@dataclass
class Asked:
    """A request: its body, when it began, how many pieces were written, and when its client was seen to be gone."""

    body: dict[str, Any]
    key: str
    began: float
    pieces: int = 0
    hung_up: float | None = None
    ended: threading.Event = field(default_factory=threading.Event)


class ModelServer(ThreadingHTTPServer):
    """Reachable at `url`, which ends with /v1."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, habits: Habits | None = None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.habits, self.asked = habits or Habits(), []
        self.let_go = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self._serving = threading.Thread(target=self.serve_forever, args=[0.05], daemon=True)

    asked: list[Asked]

    def __enter__(self) -> "ModelServer":
        self._serving.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.let_go.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address) -> None:
        """Clients that hang up are what is tested."""


class _HungUp(Exception):
    pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    def log_message(self, *args) -> None:
        pass

    def do_GET(self) -> None:
        key = self.headers.get("authorization", "").removeprefix("Bearer ")
        if self.server.habits.key and key != self.server.habits.key:
            self._json(401, {"error": {"message": "wrong key"}})
        elif self.path == "/v1/models":
            self._json(
                200, {"object": "list", "data": [{"id": n, "object": "model"} for n in self.server.habits.models]}
            )
        else:
            self._json(404, {"error": {"message": "no such page"}})

    def do_POST(self) -> None:
        habits = self.server.habits
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers.get("authorization", "").removeprefix("Bearer ")
        asked = Asked(body, key, time.monotonic())
        self.server.asked.append(asked)
        try:
            if habits.statuses:
                status, headers = habits.statuses.pop(0)
                self._json(status, {"error": {"message": f"status {status}"}}, headers)
            elif habits.key and key != habits.key:
                self._json(401, {"error": {"message": "wrong key"}})
            elif body["model"] not in habits.models:
                self._json(404, {"error": {"message": "no such model"}})
            else:
                self._answer(habits, asked)
        except (_HungUp, OSError):
            asked.hung_up = time.monotonic()
            self.close_connection = True
        finally:
            asked.ended.set()

    def _answer(self, habits: Habits, asked: Asked) -> None:
        if habits.fault == "silent":
            self._wait(3600)
        elif habits.fault == "html":
            self._send(200, b"<html>Sign in</html>", {"Content-Type": "text/html"})
        elif asked.body.get("stream"):
            self._stream(habits, asked)
        else:
            self._json(200, _whole(habits))

    def _stream(self, habits: Habits, asked: Asked) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._wait(habits.first)
        self._event(_chunk({"role": "assistant", "content": ""}))
        while True:
            for text in habits.pieces:
                self._wait(habits.pace)
                if habits.fault and habits.fault not in ("endless", *LATE) and asked.pieces >= habits.after:
                    return self._fail(habits.fault)
                self._event(_chunk({"content": text}))
                asked.pieces += 1
            if habits.fault != "endless":
                return self._end(habits)

    def _end(self, habits: Habits) -> None:
        if habits.ending:
            self._event(_chunk({}, habits.ending))
        self._fail(habits.fault) if habits.fault in LATE else self._take_leave(habits)

    def _take_leave(self, habits: Habits) -> None:
        if habits.usage:
            self._event(json.dumps({**_head(), "choices": [], "usage": _usage(habits)}))
        if habits.done:
            self._event("[DONE]")
        self._write(b"0\r\n\r\n")

    def _fail(self, fault: str) -> None:
        if fault in ("hangs", "lingers"):
            self._wait(3600)
        elif fault in ("empty", "thinks", "comments"):
            self._go_on(fault)
        elif fault in ODD:
            self._event(_chunk(ODD[fault]))
            self._end(self.server.habits)
        elif fault in ("cut", "trips"):
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            said = {
                **dict.fromkeys(("garbage", "slips"), "{'not': json"),
                **dict.fromkeys(("wrong", "stumbles"), '{"choices": 5, "usage": 5}'),
                "error": '{"error": {"message": "out of memory"}}',
            }
            self._event(said[fault])
            self._write(b"0\r\n\r\n")

    def _go_on(self, fault: str) -> None:
        while True:
            self._wait(0.05)
            self._event(_chunk(ENDLESS[fault])) if fault in ENDLESS else self._chunk(b": still here\n\n")

    def _wait(self, seconds: float) -> None:
        """Until then, or until the client is gone: it says nothing more, so that whatever can be read is its end."""
        self.connection.settimeout(0.05)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self.connection.settimeout(max(0.001, min(0.05, left)))
                if self.connection.recv(1, socket.MSG_PEEK) == b"":
                    raise _HungUp
                time.sleep(min(0.05, left))  # it has asked again already
            except TimeoutError:
                pass
            if self.server.let_go.is_set():
                raise _HungUp
        self.connection.settimeout(None)

    def _event(self, data: str) -> None:
        self._chunk(f"data: {data}\n\n".encode())

    def _chunk(self, content: bytes) -> None:
        self._write(f"{len(content):x}\r\n".encode() + content + b"\r\n")

    def _write(self, content: bytes) -> None:
        self.wfile.write(content)
        self.wfile.flush()

    def _json(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self._write(content)


def _head() -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "plain-model"}


def _chunk(delta: dict[str, str], ending: str | None = None) -> str:
    return json.dumps({**_head(), "choices": [{"index": 0, "delta": delta, "finish_reason": ending}]})


def _usage(habits: Habits) -> dict[str, int]:
    return {"prompt_tokens": 120, "completion_tokens": len(habits.pieces), "total_tokens": 120 + len(habits.pieces)}


def _whole(habits: Habits) -> dict[str, Any]:
    message = {"role": "assistant", "content": "".join(habits.pieces)}
    choice = {"index": 0, "message": message, "finish_reason": habits.ending or "stop"}
    return {**_head(), "object": "chat.completion", "choices": [choice], "usage": _usage(habits)}
