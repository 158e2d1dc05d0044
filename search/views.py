"""Asking, conversations, and the search page."""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from kb.access import chosen_among, documents_in, readable_by, writable_by
from kb.models import Document, KnowledgeBase, User
from search.forms import HYBRID, MODES, AskForm, RenameForm, SearchForm
from search.models import Citation, Conversation, Message
from search.passage import Passage
from search.turns import turn_of, turns_of

RECENT = 6
PER_PAGE = 30


# --- asking ----------------------------------------------------------------------------


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """The ask page, or what to do first where there is nothing to ask yet."""
    chosen = request.GET.getlist("kb") + request.GET.getlist("knowledge_bases")
    return render(request, "search/home.html", {**_home(request.user, AskForm()), "chosen": chosen})


def _home(user: User, form: AskForm) -> dict:
    documents = documents_in(readable_by(user)).order_by()
    status = Document.Status
    counts = documents.aggregate(
        ready=Count("pk", Q(status=status.READY)),
        unfinished=Count("pk", Q(status__in=(status.QUEUED, status.RUNNING))),
        total=Count("pk"),
    )
    return {
        "form": form,
        "modes": MODES,
        "knowledge_bases": list(readable_by(user)),
        "writable": writable_by(user).first(),
        "counts": counts,
        "conversations": Conversation.objects.filter(user=user)[:RECENT],
    }


@login_required
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Answer a question: a new turn of its conversation to htmx, the conversation's page to everyone else."""
    if request.method == "GET":
        return redirect("home")
    form = AskForm(request.POST)
    if not form.is_valid():
        return _ask_again(request, form)
    asked = form.cleaned_data
    conversation = _conversation(request.user, asked)
    scope = _scope(request.user, conversation, asked["kb"])
    message = _answer(conversation, asked, scope)
    if not request.htmx:
        return redirect(f"{conversation.get_absolute_url()}#message-{message.pk}")
    if not asked["conversation"]:
        return HttpResponseClientRedirect(conversation.get_absolute_url())
    return render(request, "search/_turn.html", {"turn": turn_of(message, request.user)})


def _conversation(user: User, asked: dict) -> Conversation:
    """The person's own conversation; a new one where none is named. Raises Http404."""
    if asked["conversation"]:
        return get_object_or_404(Conversation, pk=asked["conversation"], user=user)
    chosen = chosen_among(readable_by(user), asked["kb"]) if asked["kb"] else []
    from search.ask import title_of

    conversation = Conversation.objects.create(user=user, title=title_of(asked["question"]))
    conversation.knowledge_bases.set(chosen)
    return conversation


def _answer(conversation: Conversation, asked: dict, scope: list[KnowledgeBase]) -> Message:
    """The answer; a conversation that was begun for it does not outlive a failure."""
    from search.ask import ask as answer_to

    try:
        return answer_to(conversation, asked["question"], knowledge_bases=scope, mode=asked["mode"])
    except Exception:
        if not asked["conversation"]:
            conversation.delete()
        raise


def _scope(user: User, conversation: Conversation, chosen: list) -> list[KnowledgeBase]:
    """What is chosen, else what the conversation is about, of what the person may read now. Raises Http404."""
    if chosen:
        return chosen_among(readable_by(user), chosen)
    about = conversation.knowledge_bases.all()
    return list(readable_by(user).filter(pk__in=about) if about.exists() else readable_by(user))


def _ask_again(request: HttpRequest, form: AskForm) -> HttpResponse:
    if request.htmx:
        return render(request, "search/_ask_errors.html", {"form": form}, status=422)
    context = {**_home(request.user, form), "chosen": request.POST.getlist("kb")}
    return render(request, "search/home.html", context, status=422)


# --- conversations -----------------------------------------------------------------------


def _own(user: User, pk) -> Conversation:
    return get_object_or_404(Conversation, pk=pk, user=user)


@login_required
@require_GET
def conversations(request: HttpRequest) -> HttpResponse:
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
def conversation(request: HttpRequest, pk) -> HttpResponse:
    """A conversation, with its sources beside it and the box for the next question below."""
    conversation = _own(request.user, pk)
    about = conversation.knowledge_bases.all() & readable_by(request.user)
    context = {
        "conversation": conversation,
        "turns": turns_of(conversation, request.user),
        "about": list(about),
        "form": AskForm(),
        "modes": MODES,
    }
    return render(request, "search/conversation.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def conversation_rename(request: HttpRequest, pk) -> HttpResponse:
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
def conversation_delete(request: HttpRequest, pk) -> HttpResponse:
    """Delete a conversation with its answers."""
    _own(request.user, pk).delete()
    if request.htmx:
        return HttpResponse()
    messages.success(request, _("The conversation was deleted."))
    return redirect("conversations")


@login_required
@require_GET
def source(request: HttpRequest, pk: int) -> HttpResponse:
    """One source of an answer of the person's own, as it was cited."""
    mine = Citation.objects.filter(message__conversation__user=request.user)
    visible = mine.filter(document__in=documents_in(readable_by(request.user)))
    citation = get_object_or_404(visible.select_related("document", "message__conversation"), pk=pk)
    template = "search/_source.html" if request.htmx else "search/source.html"
    return render(request, template, {"citation": citation, "whole": True})


# --- searching -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What one way of searching found."""

    mode: str
    passages: tuple[Passage, ...]
    notes: tuple[str, ...]
    milliseconds: int


@login_required
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """The retrieval test: which passages a question finds, at which places, and why."""
    form = SearchForm(request.GET)
    results: list[Found] = []
    if form.is_valid():
        scope = chosen_among(readable_by(request.user), form.cleaned_data["kb"])
        results = _results(form.cleaned_data, scope) if form.cleaned_data["q"].strip() else []
    context = {
        "form": form,
        "modes": MODES,
        "chosen": form.cleaned_data,
        "results": results,
        "scope": request.GET.getlist("kb"),
        "knowledge_bases": list(readable_by(request.user)),
    }
    fragment = request.htmx and not request.htmx.boosted
    return render(request, "search/_results.html" if fragment else "search/search.html", context)


def _results(asked: dict, scope: list[KnowledgeBase]) -> list[Found]:
    modes = [HYBRID, "vector", "keyword"] if asked["compare"] else [asked["mode"]]
    return [_found(mode, asked["q"], scope, asked["top_k"]) for mode in modes]


def _found(mode: str, words: str, scope: list[KnowledgeBase], limit: int) -> Found:
    from search.retrieve import retrieve

    found = retrieve(words, knowledge_bases=scope, mode=mode, limit=limit)
    return Found(mode, tuple(found.passages), tuple(map(str, found.notes)), round(found.milliseconds))
