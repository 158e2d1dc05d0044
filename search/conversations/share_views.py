"""A conversation for others: as a file, and under a link for those who may read its sources."""

import secrets

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from kb.access import documents_in, readable_by
from kb.models import User
from kb.request import Request
from search.conversations.markdown_export import conversation_markdown
from search.conversations.turns import Turn, turns_of
from search.models import Citation, Conversation


@login_required
@require_safe
def conversation_export(request: Request, pk) -> HttpResponse:
    """The conversation as a Markdown file, with the sources that the person may read now."""
    conversation = get_object_or_404(Conversation, pk=pk, user=request.user)
    content = conversation_markdown(conversation.title, turns_of(conversation, request.user))
    name = f"{slugify(conversation.title, allow_unicode=True)[:80] or 'conversation'}.md"
    disposition = content_disposition_header(as_attachment=True, filename=name)
    return HttpResponse(
        content, content_type="text/markdown; charset=utf-8", headers={"Content-Disposition": disposition}
    )


@login_required
@require_POST
def conversation_share(request: Request, pk) -> HttpResponse:
    """Make the link, or keep the one that there is."""
    conversation = get_object_or_404(Conversation, pk=pk, user=request.user)
    if not conversation.share_token:
        conversation.share_token = secrets.token_urlsafe(24)
        conversation.save(update_fields=["share_token"])
    return _shown(request, conversation, _("The conversation is shared."))


@login_required
@require_POST
def conversation_unshare(request: Request, pk) -> HttpResponse:
    """The link leads nowhere from now on; a later one is another."""
    conversation = get_object_or_404(Conversation, pk=pk, user=request.user)
    conversation.share_token = None
    conversation.save(update_fields=["share_token"])
    return _shown(request, conversation, _("The conversation is no longer shared."))


def _shown(request: Request, conversation: Conversation, said: str) -> HttpResponse:
    if request.htmx:
        link = shared_url(request, conversation)
        return render(request, "search/_share.html", {"conversation": conversation, "share_link": link})
    messages.success(request, said)
    return redirect(conversation)


def shared_url(request: Request, conversation: Conversation) -> str:
    """The whole link; empty where it is not shared."""
    return request.build_absolute_uri(f"/shared/{conversation.share_token}/") if conversation.share_token else ""


@login_required
@require_safe
def shared(request: Request, share: str) -> HttpResponse:
    """A shared conversation, to read only: the turns of which the reader may read a source, and what rests on it."""
    conversation = get_object_or_404(Conversation.objects.exclude(share_token=None), share_token=share)
    if not _may_read_some(request.user, conversation):
        raise Http404
    turns = turns_of(conversation, request.user)
    visible = [turn.read_only() for turn in turns if turn.by_number and not turn.is_unfinished]
    context = {
        "conversation": conversation,
        "title": _title(conversation, turns, visible),
        "turns": visible,
        "left_out": len(turns) - len(visible),
    }
    return render(request, "search/shared.html", context)


def _may_read_some(user: User, conversation: Conversation) -> bool:
    """Whether a source of what stands is in a knowledge base of the reader's."""
    cited = Citation.objects.filter(message__conversation=conversation, message__replaced_by=None)
    return cited.filter(document__in=documents_in(readable_by(user))).exists()


def _title(conversation: Conversation, turns: list[Turn], visible: list[Turn]) -> str:
    """A title is made of what was asked first: who may not see that sees the first question that is there for them."""
    if len(visible) == len(turns):
        return conversation.title
    return visible[0].message.question if visible else _("Shared conversation")
