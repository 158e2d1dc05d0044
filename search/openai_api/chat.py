"""POST /v1/chat/completions: a knowledge base answers as if it were a model."""

import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal
from uuid import UUID

from django.http import StreamingHttpResponse
from django.urls import reverse
from django.utils import translation
from pydantic import Field

from kb.hang_up import has_hung_up
from kb.models import ApiKey, Document
from kb.request import Request
from search.cite import Source
from search.conversations.streaming import SILENCE, json_event
from search.openai_api.answer import Found, Written, find, write
from search.openai_api.errors import hung_up, internal
from search.openai_api.named import knowledge_bases_of
from search.openai_api.question import ChatMessage, question_of
from search.openai_api.route import Body, route

log = logging.getLogger(__name__)

DONE = "data: [DONE]\n\n"


class StreamOptions(Body):
    include_usage: bool = False


class ChatIn(Body):
    """As OpenAI's. How a model writes (temperature, length, tools) is the installation's to say, and passed over."""

    model: str = Field(min_length=1)
    messages: list[ChatMessage] = Field(min_length=1, max_length=1000)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None


@dataclass(frozen=True)
class Completion:
    """What an answer and all its chunks are called."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def body(self, kind: str, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """An answer, or a chunk of one."""
        head = {"id": self.id, "object": kind, "created": self.created, "model": self.model}
        return {**head, "choices": choices, **more}

    def chunk(self, delta: dict[str, Any], ending: str | None = None) -> str:
        """A piece of the answer as an event."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": ending}
        return json_event(self.body("chat.completion.chunk", [choice]))


@route("POST", ApiKey.Scope.ASK, body=ChatIn)
def chat_completions(request: Request, body: ChatIn) -> dict[str, Any] | StreamingHttpResponse:
    """The last question of the messages, answered out of the knowledge bases that the model names."""
    question = question_of(body.messages)
    found = find(question, knowledge_bases_of(request.user, body.model))
    completion = Completion(body.model)
    if not body.stream:
        return _whole(request, completion, found)
    with_usage = bool(body.stream_options and body.stream_options.include_usage)
    events = _events(request, completion, found, with_usage, translation.get_language())
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def _whole(request: Request, completion: Completion, found: Found) -> dict[str, Any]:
    end = _written(request, found)
    message = {"role": "assistant", "content": end.text, "refusal": None, **_beside(request, end)}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": end.ending}
    return completion.body("chat.completion", [choice], usage=_usage(end))


def _written(request: Request, found: Found) -> Written:
    """The whole answer; whoever hangs up ends the model's work. Raises OpenAIError, which then nobody reads."""
    with closing(write(found, address=partial(_address, request))) as pieces:
        for piece in pieces:
            if isinstance(piece, Written):
                return piece
            if has_hung_up(request):
                break
    raise hung_up()


def _events(
    request: Request, completion: Completion, found: Found, with_usage: bool, language: str | None
) -> Iterator[str]:
    """Server-sent events; whoever hangs up ends the model's work."""
    address = partial(_address, request)
    yield completion.chunk({"role": "assistant", "content": ""})
    try:
        with translation.override(language), closing(write(found, address=address)) as pieces:
            for piece in pieces:
                if isinstance(piece, Written):
                    yield completion.chunk(_beside(request, piece), piece.ending)
                    if with_usage:
                        yield json_event(completion.body("chat.completion.chunk", [], usage=_usage(piece)))
                elif piece:
                    yield completion.chunk({"content": piece})
                elif has_hung_up(request):
                    return
                else:
                    yield SILENCE
    except Exception:
        log.exception("A streamed answer failed")
        yield json_event(internal().body())
    yield DONE


def _beside(request: Request, end: Written) -> dict[str, Any]:
    """What OpenAI's form does not have: whether it is an answer, sources, sentences about it, what comes closest."""
    return {
        "answered": end.answered,
        "citations": [_citation(request, one) for one in end.sources],
        "notes": list(end.notes),
        "closest": [_closest(request, one) for one in end.closest],
    }


def _closest(request: Request, document: Document) -> dict[str, Any]:
    return {
        "document": str(document.pk),
        "title": document.title,
        "knowledge_base": str(document.knowledge_base_id),
        "url": _address(request, document.pk),
    }


def _address(request: Request, document: UUID) -> str:
    return request.build_absolute_uri(reverse("document", args=[document]))


def _citation(request: Request, source: Source) -> dict[str, Any]:
    return {
        "number": source.number,
        "is_cited": source.is_cited,
        "document": str(source.document_id),
        "title": source.title,
        "page": source.page,
        "heading": " > ".join(source.heading_path),
        "text": source.text,
        "url": f"{_address(request, source.document_id)}?chunk={source.chunk_id}",
    }


def _usage(end: Written) -> dict[str, int]:
    return {
        "prompt_tokens": end.tokens_in,
        "completion_tokens": end.tokens_out,
        "total_tokens": end.tokens_in + end.tokens_out,
    }
