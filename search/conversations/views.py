"""A person's conversations: the list, one with its sources, its title, its end."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kb.access import documents_in, readable_by
from kb.models import User
from kb.request import Request
from search.chat.models import chosen_for, offered
from search.conversations.share_views import shared_url
from search.conversations.turns import turns_of
from search.forms import MODES, AskForm, RenameForm
from search.models import Citation, Conversation

PER_PAGE = 30


def _own(user: User, pk) -> Conversation:
    return get_object_or_404(Conversation, pk=pk, user=user)


@login_required
@require_GET
def conversations(request: Request) -> HttpResponse:
    """The person's conversations, the latest first, with those words in title or questions."""
    words = request.GET.get("q", "").strip()[:200]
    own = Conversation.objects.filter(user=request.user).annotate(questions=Count("messages")).order_by("-updated_at")
    if words:
        fits = Conversation.objects.filter(Q(title__icontains=words) | Q(messages__question__icontains=words))
        own = own.filter(pk__in=fits.values("pk"))
    page = Paginator(own, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "search/conversations.html", {"page": page, "words": words})


@login_required
@require_GET
def conversation(request: Request, pk) -> HttpResponse:
    """A conversation, with its sources beside it and the box for the next question below."""
    conversation = _own(request.user, pk)
    about = conversation.knowledge_bases.all() & readable_by(request.user)
    context = {
        "conversation": conversation,
        "turns": turns_of(conversation, request.user),
        "about": list(about),
        "form": AskForm(),
        "modes": MODES,
        "chat_models": list(offered()),
        "chosen_model": chosen_for(conversation),
        "share_link": shared_url(request, conversation),
    }
    return render(request, "search/conversation.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def conversation_rename(request: Request, pk) -> HttpResponse:
    """The form for a new title, and what comes of it."""
    conversation = _own(request.user, pk)
    form = RenameForm(request.POST or None, instance=conversation)
    if request.method == "POST" and form.is_valid():
        form.save()
        if request.htmx:
            return render(request, "search/_title.html", {"conversation": conversation})
        return redirect(conversation)
    template = "search/_rename.html" if request.htmx else "search/rename.html"
    context = {"conversation": _own(request.user, pk), "form": form}
    return render(request, template, context, status=422 if request.method == "POST" else 200)


@login_required
@require_POST
def conversation_delete(request: Request, pk) -> HttpResponse:
    """Delete a conversation with its answers."""
    _own(request.user, pk).delete()
    if request.htmx:
        return HttpResponse()
    messages.success(request, _("The conversation was deleted."))
    return redirect("conversations")


@login_required
@require_GET
def source(request: Request, pk: int) -> HttpResponse:
    """One source of an answer of the person's own, as it was cited."""
    mine = Citation.objects.filter(message__conversation__user=request.user)
    visible = mine.filter(document__in=documents_in(readable_by(request.user)))
    citation = get_object_or_404(visible.select_related("document__superseded_by", "message__conversation"), pk=pk)
    template = "search/_source.html" if request.htmx else "search/source.html"
    return render(request, template, {"citation": citation, "turn": None, "whole": True})
