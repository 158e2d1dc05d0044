"""Answers that are being written, each followed by any number of readers."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from search.chat import ChatError, Piece, Request
from search.chat.gate import AnswerGate

log = logging.getLogger(__name__)

KEPT_SECONDS = 60.0  # after its end, for a reader who comes a little late
Stream = Callable[[Request], AsyncIterator[Piece]]


@dataclass(frozen=True)
class Ending:
    """How an answer ended: "done", "stopped" or "failed", what it cost, and a sentence where it failed.

    `milliseconds` is the whole, `first_milliseconds` the time to the first piece of text (None: there was none).
    `begins` is where in the text that followers got the answer begins: what stands before turned out to be thinking.
    """

    state: str
    tokens_in: int = 0
    tokens_out: int = 0
    milliseconds: int = 0
    first_milliseconds: int | None = None
    ending: str = ""
    kind: str = ""
    error: str = ""
    begins: int = 0


class Run:
    """One answer on its way. `text` is what may be shown of it so far: without thinking, and without citations that
    cite nothing."""

    def __init__(self, name: str, request: Request, count: int) -> None:
        self.name, self.request = name, request
        self.pieces: list[str] = []
        self.ending: Ending | None = None
        self.task: asyncio.Task | None = None  # through its being kept
        self.writing: asyncio.Task | None = None
        self.is_stopping = False
        self._gate = AnswerGate(count)
        self._changed = asyncio.Event()
        self._begun = time.monotonic()
        self._first: float | None = None
        self._usage = Piece()

    @property
    def text(self) -> str:
        return "".join(self.pieces)[self._gate.begins :]

    async def write(self, stream: Stream) -> Ending:
        """Take the answer from the model to its end, or until the task is cancelled. Raises nothing."""
        pieces = stream(self.request)
        try:
            async for piece in pieces:
                self._take(piece)
            self._add(self._gate.finish())
            self._must_have_said_something()
            return self._end("done")
        except asyncio.CancelledError:
            return self._end("stopped")
        except ChatError as error:
            return self._end("failed", error.kind, error.message)
        except Exception:
            log.exception("Writing an answer failed")
            return self._end("failed", "broken", _("The language model's answer cannot be understood."))
        finally:
            await _closed(pieces)
            self._notify()

    def _must_have_said_something(self) -> None:
        """Thinking alone is no answer."""
        if not self.text.strip():
            raise ChatError("broken", _("The language model wrote nothing."))

    def _take(self, piece: Piece) -> None:
        if piece.text:
            self._first = self._first or time.monotonic()
            self._add(self._gate.feed(piece.text))
        if piece.ending:
            self._usage = piece

    def _add(self, text: str) -> None:
        if text:
            self.pieces.append(text)
            self._notify()

    def _end(self, state: str, kind: str = "", error: str = "") -> Ending:
        now = time.monotonic()
        first = round((self._first - self._begun) * 1000) if self._first else None
        self.ending = Ending(
            state, self._usage.tokens_in, self._usage.tokens_out, round((now - self._begun) * 1000), first,
            self._usage.ending, kind, error, self._gate.begins,
        )  # fmt: skip
        return self.ending

    def must_have_ended(self) -> None:
        """One that was stopped before it had begun was, too."""
        if self.ending is None:
            self._end("stopped")
            self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def follow(self, start: int = 0, *, beat: float | None = None) -> AsyncIterator[tuple[int, str]]:
        """Pieces from the `start`-th on, each with the number of the next; ends when the answer does.

        An empty piece says, after every `beat` seconds of silence, that it is still being written.
        """
        at = start
        while True:
            changed = self._changed
            if at < len(self.pieces):
                text, at = "".join(self.pieces[at:]), len(self.pieces)
                yield at, text
            elif self.ending is not None:
                return
            elif not await _happens(changed, beat):
                yield at, ""


async def _happens(event: asyncio.Event, seconds: float | None) -> bool:
    """Whether it does within so many seconds."""
    try:
        return await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False


async def _closed(pieces: AsyncIterator[Piece]) -> None:
    """The connection to the model server is let go, so that it stops writing."""
    close = getattr(pieces, "aclose", None)
    if close:
        try:
            await close()
        except Exception:
            log.debug("Closing a stream failed", exc_info=True)


class Runs:
    """All answers of this process by name. `ended` is awaited with each run that has ended."""

    def __init__(self, stream: Stream, ended: Callable[[Run], Awaitable[None]] | None = None) -> None:
        self._stream, self._ended = stream, ended
        self._runs: dict[str, Run] = {}

    def start(self, name: str, request: Request, count: int) -> Run:
        """Begin to write; a run of that name that is there already is returned as it is."""
        if name not in self._runs:
            run = Run(name, request, count)
            run.writing = asyncio.create_task(run.write(self._stream))
            run.task = asyncio.create_task(self._through(run), name=f"answer-{name}")
            self._runs[name] = run
        return self._runs[name]

    def get(self, name: str) -> Run | None:
        return self._runs.get(name)

    def writing(self) -> list[Run]:
        """Those that have not ended."""
        return [run for run in self._runs.values() if run.ending is None]

    def unkept(self) -> list[Run]:
        """Those, and the ones that have, but for whose end `ended` has not returned yet."""
        return [run for run in self._runs.values() if run.task and not run.task.done()]

    def stop(self, name: str) -> bool:
        """Have it end at once; False where nothing of that name is being written."""
        run = self._runs.get(name)
        if run is None or run.ending is not None or run.writing is None:
            return False
        if not run.is_stopping:  # twice would break off the closing of its connection
            run.is_stopping = True
            run.writing.cancel()
        return True

    async def _through(self, run: Run) -> None:
        assert run.writing
        await asyncio.wait([run.writing])
        run.must_have_ended()
        if self._ended:
            await self._ended(run)
        asyncio.get_running_loop().call_later(KEPT_SECONDS, self._runs.pop, run.name, None)
