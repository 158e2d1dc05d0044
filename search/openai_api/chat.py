"""POST /v1/chat/completions: a knowledge base answers as if it were a model."""

import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Literal

from django.http import StreamingHttpResponse
from django.urls import reverse
from django.utils import translation
from pydantic import Field

from kb.models import ApiKey
from kb.request import Request
from search.cite import Source
from search.openai_api.answer import Found, Written, find, write
from search.openai_api.errors import internal
from search.openai_api.named import knowledge_bases_of
from search.openai_api.question import ChatMessage, question_of
from search.openai_api.route import Body, route
from search.streaming import json_event

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
    *_pieces, end = write(found)
    assert isinstance(end, Written)
    message = {"role": "assistant", "content": end.text, "refusal": None, **_beside(request, end)}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": end.ending}
    return completion.body("chat.completion", [choice], usage=_usage(end))


def _events(
    request: Request, completion: Completion, found: Found, with_usage: bool, language: str | None
) -> Iterator[str]:
    """Server-sent events; whoever hangs up ends the model's work."""
    yield completion.chunk({"role": "assistant", "content": ""})
    try:
        with translation.override(language), closing(write(found)) as pieces:
            for piece in pieces:
                if isinstance(piece, str):
                    yield completion.chunk({"content": piece})
                else:
                    yield completion.chunk(_beside(request, piece), piece.ending)
                    if with_usage:
                        yield json_event(completion.body("chat.completion.chunk", [], usage=_usage(piece)))
    except Exception:
        log.exception("A streamed answer failed")
        yield json_event(internal().body())
    yield DONE


def _beside(request: Request, end: Written) -> dict[str, Any]:
    """What OpenAI's form does not have: whether it is an answer, the sources, and sentences about it."""
    citations = [_citation(request, one) for one in end.sources]
    return {"answered": end.answered, "citations": citations, "notes": list(end.notes)}


def _citation(request: Request, source: Source) -> dict[str, Any]:
    place = f"{reverse('document', args=[source.document_id])}?chunk={source.chunk_id}"
    return {
        "number": source.number,
        "is_cited": source.is_cited,
        "document": str(source.document_id),
        "title": source.title,
        "page": source.page,
        "heading": " > ".join(source.heading_path),
        "text": source.text,
        "url": request.build_absolute_uri(place),
    }


def _usage(end: Written) -> dict[str, int]:
    return {
        "prompt_tokens": end.tokens_in,
        "completion_tokens": end.tokens_out,
        "total_tokens": end.tokens_in + end.tokens_out,
    }
