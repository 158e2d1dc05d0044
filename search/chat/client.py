"""Stream an answer from any server that speaks OpenAI's `/v1/chat/completions`."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx2
import openai
from django.conf import settings as installation
from django.utils.translation import gettext as _

from kb.calls import recording
from kb.models import Call
from search.chat import ChatError, ChatSettings, Piece, Request
from search.chat.clean import Joined
from search.chat.prompt import tokens_in

log = logging.getLogger(__name__)
T = TypeVar("T")
BROKEN = (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, ValueError, TypeError, AttributeError)

CONNECT_SECONDS = 5.0
LONGEST_WAIT = 3.0  # seconds that a busy server may ask us to wait before we try once more
LAST_WORDS_SECONDS = 2.0  # after the answer's end, for what it cost
LONGEST_TOKEN = 16  # characters on average, beyond which a server does not keep to the tokens it may write


def open_client(chosen: ChatSettings, http: httpx2.AsyncClient) -> openai.AsyncOpenAI:
    """The well-kept client for this model; `http` is shared, where several use the same server."""
    return openai.AsyncOpenAI(
        base_url=chosen.url.rstrip("/"),
        api_key=chosen.api_key or "none",  # local servers want none, the client wants some
        max_retries=0,
        timeout=httpx2.Timeout(installation.KB_CHAT_SECONDS, connect=CONNECT_SECONDS),
        http_client=http,
    )


def open_http() -> httpx2.AsyncClient:
    """Connections for any number of streams; nothing is asked of a proxy in the environment."""
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
    return httpx2.AsyncClient(
        limits=limits, trust_env=False, timeout=httpx2.Timeout(installation.KB_CHAT_SECONDS, connect=CONNECT_SECONDS)
    )


@asynccontextmanager
async def _shared(http: httpx2.AsyncClient | None) -> AsyncIterator[httpx2.AsyncClient]:
    """These connections, or some for one question."""
    if http is not None:
        yield http
        return
    async with open_http() as own:
        yield own


async def stream(request: Request, http: httpx2.AsyncClient | None = None) -> AsyncIterator[Piece]:
    """The answer piece by piece; the last one has the tokens. Raises ChatError, also in the middle.

    Closing the iterator closes the connection, upon which model servers stop writing. A server has KB_CHAT_SECONDS to
    say anything at all, KB_CHAT_FIRST_SECONDS to begin its answer and KB_CHAT_ANSWER_SECONDS to end it.
    """
    chosen, times = request.settings, _Times()
    with recording(Call.Kind.CHAT, model=chosen.model, prices=(chosen.price_in, chosen.price_out)) as call:
        call.note_text(*(turn["content"] for turn in request.turns))
        async with _as_chat_error(chosen), _shared(http) as connections:
            answer = await times.keep(_begin(open_client(chosen, connections), request))
            try:
                async for piece in _pieces(answer, times, chosen.answer_tokens * LONGEST_TOKEN):
                    _note(call, piece)
                    yield piece
            finally:
                _count(call, request)
                await answer.close()


def _note(call: recording, piece: Piece) -> None:
    """What the call log says of it; servers send about a token a piece, and count them at the end or never."""
    if piece.text:
        call.note_piece("" if call.tokens_out else "\n\n")
        call.tokens_out += 1
        call.first_token()
        call.note_piece(piece.text)
    if piece.ending:
        call.tokens_in, call.tokens_out = piece.tokens_in, piece.tokens_out or call.tokens_out
        call.done()


def _count(call: recording, request: Request) -> None:
    """An estimate of what was read, where the server has not come to say it."""
    if call.tokens_out and not call.tokens_in:
        call.tokens_in = sum(tokens_in(turn["content"]) for turn in request.turns)


class _Times:
    """Until when a server must have begun its answer, and have ended it: bytes that are no text do not count."""

    def __init__(self) -> None:
        now = asyncio.get_running_loop().time()
        self._first, self._last = now + installation.KB_CHAT_FIRST_SECONDS, now + installation.KB_CHAT_ANSWER_SECONDS
        self.has_begun = False

    async def keep(self, step: Awaitable[T]) -> T:
        """What the step gives, in time. Raises ChatError."""
        try:
            async with asyncio.timeout_at(self._last if self.has_begun else min(self._first, self._last)):
                return await step
        except TimeoutError as error:
            late = _("The language model did not end its answer in time.")
            raise ChatError(
                "slow", late if self.has_begun else _("The language model did not answer in time.")
            ) from error


async def _pieces(answer: openai.AsyncStream, times: _Times, longest: int) -> AsyncIterator[Piece]:
    """What a server that behaves says, and as much of what one says that knows no end."""
    tokens, ending, length, joined = (0, 0), "", 0, Joined()
    while not ending and (chunk := await times.keep(anext(answer, None))) is not None:
        tokens = _tokens(chunk) or tokens
        for choice in chunk.get("choices") or ():
            ending = choice.get("finish_reason") or ending
            text = joined.feed((choice.get("delta") or {}).get("content") or "")
            if text:
                times.has_begun, length = True, length + len(text)
                yield Piece(text)
        if length > longest:
            ending = "length"
    if rest := joined.finish():
        yield Piece(rest)
    _must_have_ended(ending, length + len(rest))
    if length <= longest:
        tokens = await _last_words(answer) or tokens
    yield Piece(tokens_in=tokens[0], tokens_out=tokens[1], ending=ending)


def _tokens(chunk: dict[str, Any]) -> tuple[int, int] | None:
    usage = chunk.get("usage")
    return (usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0) if usage else None


async def _last_words(answer: openai.AsyncStream) -> tuple[int, int] | None:
    """What the answer cost, if its server says so soon; nothing that it does now takes the answer back."""
    tokens = None
    try:
        async with asyncio.timeout(LAST_WORDS_SECONDS):
            async for chunk in answer:
                tokens = _tokens(chunk) or tokens
    except (TimeoutError, *BROKEN) as error:
        log.info("Behind the end of an answer came what cannot be read: %r", error)
    return tokens


def _must_have_ended(ending: str, length: int) -> None:
    if not ending:
        raise ChatError("cut", _("The language model broke off in the middle of its answer."))
    if ending == "content_filter":
        raise ChatError("refused", _("The language model's server holds the answer back."))
    if not length:
        raise ChatError("broken", _("The language model wrote nothing."))


async def _begin(client: openai.AsyncOpenAI, request: Request):
    """Once more where a busy server names a short wait."""
    try:
        return await _create(client, request)
    except openai.RateLimitError as error:
        wait = _seconds(error.response.headers.get("retry-after", ""))
        if wait is None or wait > LONGEST_WAIT:
            raise
        await asyncio.sleep(wait)
    return await _create(client, request)


async def _create(client: openai.AsyncOpenAI, request: Request) -> openai.AsyncStream:
    """Its events as they come, in dicts: making the library's models of them costs as much as all else together."""
    chosen = request.settings
    body = {
        "model": chosen.model,
        "messages": list(request.turns),
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": chosen.answer_tokens,
        "temperature": chosen.temperature,
        **({"stop": list(request.stop)} if request.stop else {}),
    }
    return await client.post(
        "/chat/completions", body=body, cast_to=object, stream=True, stream_cls=openai.AsyncStream[object]
    )


def _seconds(text: str) -> float | None:
    try:
        return max(0.0, float(text))
    except ValueError:
        return None


@asynccontextmanager
async def _as_chat_error(chosen: ChatSettings):
    """Foreign errors as sentences; the log has what the server said."""
    try:
        yield
    except ChatError:
        raise
    except BROKEN as error:
        log.warning("The language model %s at %s: %s", chosen.model, chosen.url, str(error)[:500])
        raise _translated(error) from error


def _translated(error: Exception) -> ChatError:
    match error:
        case openai.APIConnectionError(__cause__=httpx2.RemoteProtocolError() | httpx2.ReadError()):
            return ChatError("cut", _("The language model broke off in the middle of its answer."))
        case openai.APITimeoutError() | httpx2.ConnectTimeout() | httpx2.ReadTimeout():
            return ChatError("slow", _("The language model did not answer in time."))
        case openai.APIConnectionError() | httpx2.ConnectError() | httpx2.InvalidURL():
            return ChatError("away", _("The language model cannot be reached."))
        case httpx2.HTTPError():
            return ChatError("cut", _("The language model broke off in the middle of its answer."))
        case openai.RateLimitError():
            return ChatError("busy", _("The language model is busy with other questions."))
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return ChatError("refused", _("The language model's server refuses its key."))
        case openai.NotFoundError():
            return ChatError("refused", _("The language model's server does not know this model."))
        case openai.BadRequestError() | openai.UnprocessableEntityError():
            return ChatError("refused", _("The language model's server does not accept the question."))
        case openai.APIStatusError():
            return ChatError("broken", _("The language model's server failed."))
    return ChatError("broken", _("The language model's answer cannot be understood."))


async def models_at(chosen: ChatSettings) -> list[str]:
    """The names of the models that the server offers. Raises ChatError."""
    async with _as_chat_error(chosen), open_http() as http:
        return sorted([model.id async for model in open_client(chosen, http).models.list()])
