"""An answer while it is being written, as server-sent events; and its end, when someone wants it."""

import json
import re
import time
from collections.abc import Generator, Iterator, Sequence

from django.contrib.auth.decorators import login_required
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import translation
from django.views.decorators.http import require_GET, require_POST

from kb.hang_up import has_hung_up
from kb.models import User
from kb.request import Request
from search import answer_lane
from search.answer_lane import AnswerLaneError
from search.cite import blocks_of
from search.claim_notes import notes_of
from search.conversations.abandoned import end_if_abandoned
from search.conversations.turns import turn_of
from search.markdown import html_of
from search.models import Citation, Message
from search.writing import name_of

SHOW_EVERY = 0.12  # seconds: the block at hand is shown anew so often at the most
SILENCE = ": \n\n"  # keeps a connection on which nothing is said, and finds out that nobody is at its other end
SILENCE_EVERY = 1.0  # seconds
STOP_ASKING = 286  # what htmx takes for it


@login_required
@require_GET
def message_events(request: Request, pk: int) -> StreamingHttpResponse:
    """Server-sent events: "blocks" for what is finished, in place of what the page has of it; from then on "block" for
    each finished block, "tail" for the one at hand, at last "turn" and "end".

    A browser whose connection broke says in Last-Event-ID how many blocks it has, and gets the others.
    """
    message = _own(request.user, pk)
    seen = request.headers.get("Last-Event-ID", "")
    events = _events(message, request, translation.get_language(), int(seen) if seen.isdigit() else None)
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


@login_required
@require_GET
def message_marks(request: Request, pk: int) -> HttpResponse:
    """An answer once more when it is known what its sources do not bear out; nothing before, or where they do.

    The whole turn, where numbers were added or there are none, or where it is now (or no longer) taken for an answer.
    """
    message = _own(request.user, pk)
    if not request.htmx:
        return redirect("message_turn", pk)
    if message.awaits_check:
        return HttpResponse(status=204)
    turn = turn_of(message, request.user)
    was_shown = request.GET.get("shown", "answer") == "answer"
    if turn.derived or turn.names_no_source or turn.is_shown != was_shown:
        whole = render(request, "search/_turn.html", {"turn": turn}, status=STOP_ASKING)
        whole["HX-Retarget"], whole["HX-Reswap"] = f"#message-{message.pk}", "outerHTML"
        return whole
    if not notes_of(turn):
        return HttpResponse(status=STOP_ASKING, headers={"HX-Reswap": "none"})
    return render(request, "search/_answer.html", {"turn": turn}, status=STOP_ASKING)


def _own(user: User, pk: int) -> Message:
    return get_object_or_404(Message.objects.select_related("conversation"), pk=pk, conversation__user=user)


def _events(message: Message, request: Request, language: str, seen: int | None) -> Iterator[str]:
    reader = request.user
    with translation.override(language):
        citations = {citation.number: citation for citation in turn_of(message, reader).by_number.values()}
        connection.close()  # nobody else needs to wait for it while the model thinks
        if message.state == Message.State.WRITING:
            yield from _while_written(message, citations, seen, request)
        message.refresh_from_db()
        end_if_abandoned(message)
        if message.state == Message.State.WRITING:
            yield "retry: 2000\n\n"  # by a process that has just begun; the browser asks again
            return
        turn = {"turn": turn_of(message, reader)}
        yield event("turn", render_to_string("search/_turn.html", turn, request))
        yield event("end", "")
        connection.close()


def _while_written(
    message: Message, citations: dict[int, Citation], done: int | None, request: Request
) -> Iterator[str]:
    """Until it has ended, or nobody reads it any more; `done` blocks are on the page, None where that is not known."""
    written, shown, said_at = "", "", 0.0
    try:
        for line in answer_lane.follow(name_of(message)):
            written += line.get("text", "")
            silent = time.monotonic() - said_at
            if written != shown and silent >= SHOW_EVERY:
                done = yield from _shown(written, citations, done)
                shown, said_at = written, time.monotonic()
            elif not line and has_hung_up(request):
                return
            elif silent >= SILENCE_EVERY:
                yield SILENCE
                said_at = time.monotonic()
    except AnswerLaneError:
        return


def _shown(text: str, citations: dict[int, Citation], done: int | None) -> Generator[str, None, int]:
    """The events of what is written by now; gives how many blocks the page has then."""
    *finished, tail = blocks_of(text) or [""]
    if done is None:
        done = len(finished)
        yield event("blocks", "".join(_block(finished, number, citations) for number in range(1, done + 1)), done)
    for number in range(done + 1, len(finished) + 1):
        yield event("block", _block(finished, number, citations), number)
    yield event("tail", html_of(tail, citations, before="\n\n".join(finished)))
    return max(done, len(finished))


def _block(blocks: Sequence[str], number: int, citations: dict[int, Citation]) -> str:
    return html_of(blocks[number - 1], citations, before="\n\n".join(blocks[: number - 1]))


def event(name: str, data: str, number: int | None = None) -> str:
    """One server-sent event; line ends in its data are lines of their own, as the standard has it."""
    lines = "".join(f"data: {line}\n" for line in re.split(r"\r\n|\r|\n", data))
    return f"event: {name}\n{f'id: {number}' + chr(10) if number is not None else ''}{lines}\n"


def json_event(data: object) -> str:
    """One unnamed event of JSON, as OpenAI's API streams them."""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
