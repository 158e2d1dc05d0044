"""Readers who ask and have the answer streamed, through the page or as programs do, one question after the other.

They read what benchmarks.paced_server writes, and note when they did what by time.monotonic(), as it does.
"""

import asyncio
import random
import re
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import httpx

from tests.integration.lectern import PASSWORD

SECONDS = 60.0  # for anything to come
KEPT_SECONDS = 2.0  # shorter than the web server keeps a connection that nobody uses
LEAVING, LEAVES_AFTER = 0.2, (2.0, 12.0)  # the share of answers that are broken off, and after how many seconds
NUMBER = re.compile(rb"Answer(\d+)\D")
EVENTS = re.compile(r'sse-connect="([^"]+)/events"')
INSTEAD = b"Instead, here are the passages"  # the model could not answer
NOTHING = re.compile(rb"Nothing in (your|the) documents answers this")  # and so the model was not asked


@dataclass
class Asked:
    """A question: when it was asked, when the first and the last piece were seen, when the reader left; in seconds.

    `number` is the answer's at the model server; `refused`: the documents were found not to answer it, so that there is
    none; `error` says what went wrong, if anything did.
    """

    door: str
    asked: float
    number: int | None = None
    first: float | None = None
    last: float | None = None
    left: float | None = None
    refused: bool = False
    error: str = ""

    def read(self, text: bytes, before: bytes) -> None:
        """Note what has come, behind what came before it."""
        if self.first is None and (found := NUMBER.search(before + text)):
            self.number, self.first = int(found[1]), time.monotonic()
        if self.last is None and f"End{self.number}.".encode() in text:
            self.last = time.monotonic()


class Reader(ABC):
    """Reads through one door; `at_end` is what the stream of a whole answer ends with."""

    door, at_end = "", b""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def ask(self, question: str, leave_after: float | None = None) -> Asked:
        """Ask, and read to the end; or leave that many seconds after the first piece."""
        asked = Asked(self.door, time.monotonic())
        try:
            read = await self._read(asked, question, leave_after)
        except (httpx.HTTPError, ValueError) as error:
            asked.error = f"{type(error).__name__}: {error}"
            return asked
        asked.refused = asked.first is None and bool(NOTHING.search(read))
        asked.error = "" if asked.refused else self._missing(asked, read)
        return asked

    def _missing(self, asked: Asked, read: bytes) -> str:
        said = " ".join(re.sub("<[^>]*>", " ", read.decode(errors="replace")).split())
        if asked.first is None:
            return f"no first piece: {said[:600]}"
        if asked.left is None and (asked.last is None or self.at_end not in read or INSTEAD in read):
            return f"no end: {said[-600:]}"
        return ""

    async def _read(self, asked: Asked, question: str, leave_after: float | None) -> bytes:
        read = b""
        async for text in self._stream(question):
            asked.read(text, read)
            read += text
            if leave_after is not None and asked.first and time.monotonic() > asked.first + leave_after:
                asked.left, leave_after = time.monotonic(), None
                if not await self._leave():
                    break
        return read

    @abstractmethod
    def _stream(self, question: str) -> AsyncIterator[bytes]: ...

    @abstractmethod
    async def _leave(self) -> bool:
        """Whether to read on."""


class Page(Reader):
    """As a browser: the question is sent, the conversation's page is opened, and its stream followed."""

    door, at_end = "page", b"event: end\n"

    async def _stream(self, question: str) -> AsyncIterator[bytes]:
        page = await self.http.post("/ask", data={"question": question})
        page.raise_for_status()
        found = EVENTS.search(page.text)
        if found is None:
            yield _turn_of(page) + self.at_end  # it was whole before its page was opened
            return
        self._message = found[1]
        async with self.http.stream("GET", f"{self._message}/events") as response:
            response.raise_for_status()
            async for text in response.aiter_raw():
                yield text

    async def _leave(self) -> bool:
        (await self.http.post(f"{self._message}/stop", headers={"HX-Request": "true"})).raise_for_status()
        return True


def _turn_of(page: httpx.Response) -> bytes:
    return page.content[page.content.find(b'<section class="turn"') :]


class Program(Reader):
    """As programs do, which hang up when they want no more."""

    door, at_end = "/v1/chat/completions", b"data: [DONE]\n"

    async def _stream(self, question: str) -> AsyncIterator[bytes]:
        body = {"model": "lectern", "messages": [{"role": "user", "content": question}], "stream": True}
        async with self.http.stream("POST", "/v1/chat/completions", json=body) as response:
            response.raise_for_status()
            async for text in response.aiter_raw():
                yield text

    async def _leave(self) -> bool:
        return False


def connections(url: str, **headers: str) -> httpx.AsyncClient:
    """Any number of them; `headers` go with each request."""
    limits = httpx.Limits(max_connections=None, keepalive_expiry=KEPT_SECONDS)
    headers = {"Accept-Encoding": "identity", "Accept-Language": "en", **headers}
    return httpx.AsyncClient(
        base_url=url, limits=limits, timeout=SECONDS, headers=headers, follow_redirects=True, trust_env=False
    )


async def sign_in(http: httpx.AsyncClient, user: str) -> None:
    """The person's session, and what her forms carry."""
    token = (await http.get("/login")).cookies["lectern_csrf"]
    entered = {"username": user, "password": PASSWORD, "csrfmiddlewaretoken": token}
    (await http.post("/login", data=entered)).raise_for_status()
    http.headers["X-CSRFToken"] = http.cookies["lectern_csrf"]


async def crowd(
    url: str, key: str, questions: Sequence[str], *, readers: int, seconds: float, spread: float
) -> list[Asked]:
    """So many readers, half of them through each door, who begin one after the other within `spread` seconds and ask
    on for `seconds`; the answers of all that they asked, to their ends."""
    dice = random.Random(5)
    begun = time.monotonic()
    async with connections(url) as pages, connections(url, Authorization=f"Bearer {key}") as programs:
        await sign_in(pages, "alice")
        each = [Program(programs) if place % 2 else Page(pages) for place in range(readers)]
        asking = (
            _ask_on(one, questions, begun + place * spread / readers, begun + seconds, random.Random(dice.random()))
            for place, one in enumerate(each)
        )
        return [asked for answers in await asyncio.gather(*asking) for asked in answers]


async def _ask_on(
    reader: Reader, questions: Sequence[str], begin: float, until: float, dice: random.Random
) -> list[Asked]:
    await asyncio.sleep(max(0.0, begin - time.monotonic()))
    asked: list[Asked] = []
    while not asked or time.monotonic() < until:
        leave_after = dice.uniform(*LEAVES_AFTER) if dice.random() < LEAVING else None
        asked.append(await reader.ask(dice.choice(questions), leave_after))
    return asked
