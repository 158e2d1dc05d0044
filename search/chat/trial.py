"""Try a language model from a web process, within seconds: what the server has, and whether it answers."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from search.chat import ChatError, ChatSettings, Request
from search.chat.client import models_at, stream

LIST_SECONDS = 8.0
TRIAL_SECONDS = 25.0
ANSWER_TOKENS = 64
SHOWN = 500  # characters of what a server writes that knows no limit
QUESTION = "Say hello in one short sentence."


@dataclass(frozen=True)
class Tried:
    """What came back: the text, tokens read and written, milliseconds to the first piece of text and to the end."""

    text: str
    tokens_in: int
    tokens_out: int
    first_milliseconds: int
    milliseconds: int


def served_by(chosen: ChatSettings) -> list[str]:
    """The names of the models that the server offers. Raises ChatError."""
    return _within(LIST_SECONDS, models_at(chosen))


def try_chat(chosen: ChatSettings) -> Tried:
    """A few words of the model. Raises ChatError."""
    short = replace(chosen, answer_tokens=min(chosen.answer_tokens, ANSWER_TOKENS))
    return _within(TRIAL_SECONDS, _tried(Request(short, ({"role": "user", "content": QUESTION},))))


async def _tried(request: Request) -> Tried:
    begun, first, text, tokens = time.perf_counter(), 0.0, "", (0, 0)
    async for piece in stream(request):
        if piece.text:
            first, text = first or time.perf_counter(), text + piece.text
        if piece.ending:
            tokens = (piece.tokens_in, piece.tokens_out)
    return Tried(text[:SHOWN], *tokens, _milliseconds(begun, first), _milliseconds(begun, time.perf_counter()))


def _milliseconds(begun: float, ended: float) -> int:
    return round((ended - begun) * 1000)


def _within(seconds: float, work: Coroutine[Any, Any, Any]) -> Any:
    async def limited() -> Any:
        return await asyncio.wait_for(work, seconds)

    try:
        return asyncio.run(limited())
    except TimeoutError as error:
        raise ChatError("slow", _("The language model did not answer in time.")) from error
