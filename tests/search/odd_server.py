"""A model server with the habits of real ones, good and bad, on a port of this machine."""

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

WIDTH = 8


def vector_of(text: str, width: int = WIDTH) -> np.ndarray:
    """Of length 1; the same text, the same vector."""
    rows = np.random.default_rng(list(text.encode())).standard_normal(width).astype(np.float32)
    return rows / np.linalg.norm(rows)


@dataclass
class Habits:
    """What the server does; as it stands, everything that OpenAI's does."""

    base64: str = "follows"  # or "refuses", "ignores"
    dimensions: str = "follows"  # or "refuses", "ignores"
    most_texts: int = 2048
    reads: int = 10_000  # words
    when_longer: str = "cuts"  # or an HTTP status
    counts: Callable[[str], int] = lambda text: len(text.split())
    usage: bool = True
    key: str = ""
    refuses: tuple[int, str] | None = None
    """The status and the sentence with which it refuses whatever it is asked."""
    failures: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    """Answers (status, headers, content) to the next requests; status 0 breaks the connection, -1 says nothing."""


class OddServer(ThreadingHTTPServer):
    """Reachable at `url`; keeps what it was asked in `asked`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.habits, self.asked = Habits(), []
        self.models: list[dict[str, Any]] = [{"id": "odd-model"}]
        self.let_go = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()

    def stop(self) -> None:
        self.let_go.set()
        self.shutdown()
        self.server_close()


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: OddServer

    def do_GET(self) -> None:
        self._send(200, json.dumps({"data": self.server.models}).encode())

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        if self.server.habits.failures:
            self._fail(*self.server.habits.failures.pop(0))
            return
        try:
            self._send(200, json.dumps(self._embedded(asked)).encode())
        except _Refused as refusal:
            self._send(refusal.status, json.dumps({"error": {"message": refusal.message}}).encode())

    def _fail(self, status: int, headers: dict[str, str], content: bytes) -> None:
        if status < 0:
            self.server.let_go.wait(30)
        if status <= 0:
            self.close_connection = True
        else:
            self._send(status, content, headers)

    def _embedded(self, asked: dict[str, Any]) -> dict[str, Any]:
        habits, texts = self.server.habits, asked["input"]
        if habits.refuses:
            raise _Refused(*habits.refuses)
        if habits.key and self.headers["Authorization"] != f"Bearer {habits.key}":
            raise _Refused(401, "Unauthorized")
        if len(texts) > habits.most_texts:
            raise _Refused(422, f"batch size {len(texts)} > maximum allowed batch size {habits.most_texts}")
        if asked["encoding_format"] == "base64" and habits.base64 == "refuses":
            raise _Refused(400, "encoding_format must be float")
        if "dimensions" in asked and habits.dimensions == "refuses":
            raise _Refused(400, "the model does not support matryoshka representation")
        return self._answer(texts, asked)

    def _answer(self, texts: list[str], asked: dict[str, Any]) -> dict[str, Any]:
        habits = self.server.habits
        read = [self._read(text) for text in texts]
        width = asked.get("dimensions", WIDTH) if habits.dimensions == "follows" else WIDTH
        as_text = asked["encoding_format"] == "base64" and habits.base64 == "follows"
        data = [
            {"index": number, "embedding": _written(_cut(vector_of(text), width), as_text)}
            for number, text in enumerate(read)
        ]
        answer: dict[str, Any] = {"data": data[::-1]}
        if habits.usage:
            answer["usage"] = {"prompt_tokens": sum(habits.counts(text) for text in read)}
        return answer

    def _read(self, text: str) -> str:
        habits = self.server.habits
        words = text.split()
        if len(words) > habits.reads and habits.when_longer != "cuts":
            raise _Refused(int(habits.when_longer), f"maximum context length is {habits.reads}, got {len(words)}")
        return " ".join(words[: habits.reads]) if len(words) > habits.reads else text

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests keep quiet."""


def _cut(vector: np.ndarray, width: int) -> np.ndarray:
    return vector[:width] / np.linalg.norm(vector[:width])


def _written(vector: np.ndarray, as_text: bool) -> str | list[float]:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode() if as_text else vector.tolist()
