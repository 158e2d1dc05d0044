"""A model server that writes at a pace that is asked for, and remembers when it did what.

    python -m benchmarks.paced_server --port 9000 --first 0.3 --pace 0.067 --pieces 300

It speaks `/v1/chat/completions`, streamed, and answers with sentences of the passages that it is told, every eighth
half in other words. The n-th answer begins with "Answer<n>" and ends with "End<n>.", so that whoever reads one knows
which it was. GET /requests says of each when its question came, when its first and its last piece were written and when
its client hung up, by time.monotonic(), which all processes of a machine share.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import cycle, islice

import httpx

from tests.integration.lectern import free_port, until

START = 60.0  # seconds
SENTENCES, PARAGRAPH, OTHERWISE = 4, 5, 8  # of a passage; in a paragraph; of so many, one is in other words
PASSAGE = re.compile(r'<passage number="(\d+)"[^\n]*>\n(.*?)\n</passage>', re.S)
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{more}\r\n"


@dataclass(frozen=True)
class Pace:
    """Seconds to the first piece and between pieces, and how many there are."""

    first: float = 0.3
    pace: float = 0.067
    pieces: int = 300


@dataclass
class Request:
    """When what happened to a question, in seconds; None: it did not."""

    number: int
    received: float
    first: float | None = None
    last: float | None = None
    hung_up: float | None = None


def pieces_of(number: int, count: int, told: str) -> Iterator[str]:
    """An answer as models write them: sentences that cite, paragraphs; a word a piece, as tokens are about."""
    yield f"Answer{number}"
    yield from islice(_words(told), count - 2)
    yield f" End{number}."


def _words(told: str) -> Iterator[str]:
    """Without end."""
    for place, (number, sentence) in enumerate(cycle(list(_sentences(told))), 1):
        for at, word in enumerate(word for word in sentence.split() if "<" not in word):  # <think> would hide the rest
            yield f" {word if at % 2 or place % OTHERWISE else 'otherwise'}"
        yield f" [{number}]."
        if place % PARAGRAPH == 0:
            yield "\n\n"


def _sentences(told: str) -> Iterator[tuple[str, str]]:
    """Of each passage the first few, with its number."""
    for number, text in PASSAGE.findall(told):
        for sentence in text.split(".")[:SENTENCES]:
            yield number, sentence


class PacedServer:
    """All its requests, in the order in which they came."""

    def __init__(self, pace: Pace) -> None:
        self.pace, self.requests = pace, []

    requests: list[Request]

    async def serve(self, port: int) -> None:
        """Until it is ended."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", port, backlog=512)
        await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head.decode("latin-1"), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if head.startswith("GET"):
            said = json.dumps([asdict(one) for one in self.requests]).encode()
            more = f"Content-Length: {len(said)}\r\n"
            writer.write(HEAD.format(kind="application/json", more=more).encode() + said)
            return await writer.drain()
        told = json.loads(await reader.readexactly(_length(head)))["messages"][-1]["content"]
        request = Request(len(self.requests) + 1, time.monotonic())
        self.requests.append(request)
        writer.write(HEAD.format(kind="text/event-stream", more="Transfer-Encoding: chunked\r\n").encode())
        gone = asyncio.ensure_future(reader.read(1))  # nothing comes before the answer has ended but a hang-up
        try:
            await self._write(request, told, writer, gone)
        finally:
            gone.cancel()
            await asyncio.wait([gone])

    async def _write(self, request: Request, told: str, writer: asyncio.StreamWriter, gone: asyncio.Future) -> None:
        begun = request.received + self.pace.first
        for place, text in enumerate(pieces_of(request.number, self.pace.pieces, told)):
            await asyncio.wait([gone], timeout=max(0.0, begun + place * self.pace.pace - time.monotonic()))
            if gone.done():
                request.hung_up = time.monotonic()
                raise ConnectionResetError
            request.last = time.monotonic()
            request.first = request.first or request.last
            writer.write(_event(request.number, {"content": text}))
            await writer.drain()
        usage = {"prompt_tokens": len(told) // 4, "completion_tokens": self.pace.pieces}
        writer.write(_event(request.number, {}, "stop", usage=usage) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        await writer.drain()


def _length(head: str) -> int:
    fields = dict(line.lower().partition(":")[::2] for line in head.split("\r\n")[1:])
    return int(fields.get("content-length", 0))


def _event(number: int, delta: dict[str, str], ending: str | None = None, **more: object) -> bytes:
    said = {
        "id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1, "model": "paced",
        "choices": [{"index": 0, "delta": delta, "finish_reason": ending}], **more,
    }  # fmt: skip
    return _chunk(f"data: {json.dumps(said)}\n\n".encode())


def _chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


@dataclass(frozen=True)
class Running:
    """The server in a process of its own; `url` ends with /v1."""

    url: str
    pid: int

    def requests(self) -> dict[int, Request]:
        """What it remembers, by number."""
        said = httpx.get(self.url.removesuffix("v1") + "requests", timeout=30, trust_env=False).json()
        return {one["number"]: Request(**one) for one in said}


@contextmanager
def paced_server(pace: Pace) -> Iterator[Running]:
    """One while the block runs."""
    port = free_port()
    given = (f"--{name}={value}" for name, value in {"port": port, **asdict(pace)}.items())
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.paced_server", *given])
    running = Running(f"http://127.0.0.1:{port}/v1", process.pid)
    try:
        until(lambda: process.poll() is None and _answers(running), START, "the model server")
        yield running
    finally:
        process.terminate()
        process.wait()


def _answers(running: Running) -> bool:
    try:
        return running.requests() == {}
    except httpx.HTTPError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    for name, value in asdict(Pace()).items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    chosen = vars(parser.parse_args())
    port = chosen.pop("port")
    asyncio.run(PacedServer(Pace(**chosen)).serve(port))


if __name__ == "__main__":
    main()
