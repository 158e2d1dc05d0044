"""The call log: every call of an embedding, reranking or language model becomes a row, without being held up by it.

    with recording(Call.Kind.CHAT, model="qwen3") as call:
        ...
        call.tokens_in = 512

The row is written when the block is left: as failed where an exception leaves it, as stopped where the work was
cancelled. Rows wait in the process and a thread writes them (kb/call_buffer.py), so that a call costs whoever makes it
some 35 microseconds (measured on a busy core of a server, 15 rounds of 5,000 calls, the fastest). The text of a call is
kept only with KB_LOG_CALL_TEXT.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from decimal import Decimal
from types import TracebackType

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from kb.acting import Acting, acting
from kb.call_buffer import Buffer, Row
from kb.models import ApiKey, Call, KnowledgeBase, User

log = logging.getLogger(__name__)

LONGEST_TEXT = 20_000  # characters
A_MILLION = 1_000_000  # tokens have a price
FORGOTTEN_AT_ONCE, STEPS_A_SWEEP = 1000, 50

Prices = tuple[Decimal | None, Decimal | None]  # of a million tokens read, and written


class recording:  # noqa: N801
    """A call that is going on. `inputs` are texts, or the passages of a reranking; tokens are set as they are known."""

    def __init__(self, kind: str, *, model: str, inputs: int = 1, prices: Prices = (None, None)) -> None:
        self.kind, self.model, self.inputs, self.prices = kind, model, inputs, prices
        self.tokens_in = self.tokens_out = 0
        self.status: str = Call.Status.OK
        self.error = self.text = ""
        self._first: float | None = None
        self._is_done = False

    def __enter__(self) -> "recording":
        self._at, self._begun, self._who = timezone.now(), time.perf_counter(), acting()
        return self

    def first_token(self) -> None:
        """The first piece of an answer is there; further ones change nothing."""
        if self._first is None:
            self._first = time.perf_counter()

    def done(self) -> None:
        """All is there: whoever leaves the block from now on stops nothing."""
        self._is_done = True

    def note_text(self, *texts: str) -> None:
        """Keep what was asked or answered, if that is switched on."""
        if settings.KB_LOG_CALL_TEXT and len(self.text) < LONGEST_TEXT:
            self.text = "\n\n".join(filter(None, (self.text, *texts))).replace("\0", "")[:LONGEST_TEXT]

    def note_piece(self, piece: str) -> None:
        """Add to the text that is kept, if that is switched on, what comes piece by piece."""
        if settings.KB_LOG_CALL_TEXT:
            self.text = (self.text + piece.replace("\0", ""))[:LONGEST_TEXT]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None and not self._is_done:
                self._ended_by(error)
            waiting.add(self._row(self._who))
        except Exception:
            log.exception("A call of %s could not be written down.", self.model)

    def _ended_by(self, error: BaseException) -> None:
        if isinstance(error, GeneratorExit | asyncio.CancelledError):
            self.status = Call.Status.STOPPED
        else:
            self.status, self.error = Call.Status.ERROR, _sentence(error)

    def _row(self, who: Acting) -> Row:
        now = time.perf_counter()
        return {
            "at": self._at, "kind": self.kind, "caller": who.caller, "user_id": who.user, "api_key_id": who.api_key,
            "knowledge_base_id": who.knowledge_base, "model": self.model[:200], "inputs": self.inputs,
            "tokens_in": self.tokens_in, "tokens_out": self.tokens_out, "status": self.status, "error": self.error,
            "milliseconds": round((now - self._begun) * 1000), "cost": self._cost(), "text": self.text,
            "first_milliseconds": None if self._first is None else round((self._first - self._begun) * 1000),
        }  # fmt: skip

    def _cost(self) -> Decimal | None:
        if self.prices == (None, None):
            return None
        read, written = (price or Decimal(0) for price in self.prices)
        return (read * self.tokens_in + written * self.tokens_out) / A_MILLION


def _sentence(error: BaseException) -> str:
    """Our own words alone: what a server adds after a colon may quote the text."""
    said = str(getattr(error, "message", "")) or type(error).__name__
    if settings.KB_LOG_CALL_TEXT:
        return (said if said != type(error).__name__ else f"{said}: {error}").replace("\0", "")[:300]
    return said.partition(":")[0][:300]


_counted: ContextVar[recording | None] = ContextVar("counted", default=None)


@contextmanager
def counting(call: recording) -> Iterator[recording]:
    """Within, in this thread, what model servers say that they read is added to the call (see read_tokens)."""
    token = _counted.set(call)
    try:
        yield call
    finally:
        _counted.reset(token)


def read_tokens(number: int | None) -> None:
    """A model server has said how many tokens it read."""
    call = _counted.get()
    if call is not None and number:
        call.tokens_in += number


def _keep(rows: list[Row]) -> None:
    try:
        _create(rows)
    except IntegrityError:  # a person, key or knowledge base was deleted meanwhile
        _create(_without_the_gone(rows))


def _create(rows: list[Row]) -> None:
    Call.objects.bulk_create([Call(**row) for row in rows])


def _without_the_gone(rows: list[Row]) -> list[Row]:
    there: dict[str, set[str]] = {}
    for field, model in (("user_id", User), ("api_key_id", ApiKey), ("knowledge_base_id", KnowledgeBase)):
        named = {row[field] for row in rows} - {None}
        there[field] = {str(pk) for pk in model.objects.filter(pk__in=named).values_list("pk", flat=True)}
    return [row | {field: None for field, pks in there.items() if str(row[field]) not in pks} for row in rows]


waiting = Buffer(_keep)


def forget_old_calls() -> int:
    """Delete what is older than KB_KEEP_CALLS_DAYS, a bounded number a sweep; 0 days keep them for ever."""
    if not settings.KB_KEEP_CALLS_DAYS:
        return 0
    forgotten = 0
    old = Call.objects.filter(at__lt=timezone.now() - timedelta(days=settings.KB_KEEP_CALLS_DAYS)).order_by("at")
    for _step in range(STEPS_A_SWEEP):
        part = list(old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
        forgotten += Call.objects.filter(pk__in=part).delete()[0]
        if len(part) < FORGOTTEN_AT_ONCE:
            break
    return forgotten
