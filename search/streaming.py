"""An answer while it is being written, as server-sent events; and its end, when someone wants it."""

import json
import re
import time
from collections.abc import Iterator

from django.contrib.auth.decorators import login_required
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import translation
from django.views.decorators.http import require_GET, require_POST

from kb.models import User
from kb.request import Request
from search import answer_lane
from search.abandoned import end_if_abandoned
from search.answer_lane import AnswerLaneError
from search.cite import blocks_of
from search.markdown import html_of
from search.models import Citation, Message
from search.turns import turn_of
from search.writing import name_of

SHOW_EVERY = 0.12  # seconds: the block at hand is shown anew so often at the most


@login_required
@require_GET
def message_events(request: Request, pk: int) -> StreamingHttpResponse:
    """Server-sent events: "block" for each finished block, "tail" for the one at hand, at last "turn" and "end".

    A browser whose connection broke says in Last-Event-ID how many blocks it has.
    """
    message = _own(request.user, pk)
    seen = request.headers.get("Last-Event-ID", "")
    events = _events(message, request, translation.get_language(), int(seen) if seen.isdigit() else 0)
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


@login_required
@require_POST
def message_stop(request: Request, pk: int) -> HttpResponse:
    """End an answer that is being written; what is written stays."""
    message = _own(request.user, pk)
    try:
        answer_lane.stop(name_of(message))
    except AnswerLaneError:
        end_if_abandoned(message)
    if request.htmx:
        return HttpResponse(status=204)
    return redirect(f"{message.conversation.get_absolute_url()}#message-{message.pk}")


@login_required
@require_GET
def message_turn(request: Request, pk: int) -> HttpResponse:
    """A turn as it is now."""
    message = end_if_abandoned(_own(request.user, pk))
    template = "search/_turn.html" if request.htmx else "search/turn.html"
    return render(request, template, {"turn": turn_of(message, request.user)})


def _own(user: User, pk: int) -> Message:
    return get_object_or_404(Message.objects.select_related("conversation"), pk=pk, conversation__user=user)


def _events(message: Message, request: Request, language: str, seen: int) -> Iterator[str]:
    reader = request.user
    with translation.override(language):
        citations = {citation.number: citation for citation in turn_of(message, reader).by_number.values()}
        connection.close()  # nobody else needs to wait for it while the model thinks
        if message.state == Message.State.WRITING:
            yield from _while_written(message, citations, seen)
        message.refresh_from_db()
        end_if_abandoned(message)
        if message.state == Message.State.WRITING:
            yield "retry: 2000\n\n"  # by a process that has just begun; the browser asks again
            return
        turn = {"turn": turn_of(message, reader)}
        yield event("turn", render_to_string("search/_turn.html", turn, request))
        yield event("end", "")
        connection.close()


def _while_written(message: Message, citations: dict[int, Citation], done: int) -> Iterator[str]:
    written, shown_at = "", 0.0
    try:
        for line in answer_lane.follow(name_of(message)):
            written += line.get("text", "")
            if time.monotonic() - shown_at < SHOW_EVERY:
                continue
            shown_at = time.monotonic()
            *finished, tail = blocks_of(written) or [""]
            for number, block in enumerate(finished[done:], done + 1):
                yield event("block", html_of(block, citations, before="\n\n".join(finished[: number - 1])), number)
            done = max(done, len(finished))
            yield event("tail", html_of(tail, citations, before="\n\n".join(finished)))
    except AnswerLaneError:
        return


def event(name: str, data: str, number: int | None = None) -> str:
    """One server-sent event; line ends in its data are lines of their own, as the standard has it."""
    lines = "".join(f"data: {line}\n" for line in re.split(r"\r\n|\r|\n", data))
    return f"event: {name}\n{f'id: {number}' + chr(10) if number is not None else ''}{lines}\n"


def json_event(data: object) -> str:
    """One unnamed event of JSON, as OpenAI's API streams them."""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
