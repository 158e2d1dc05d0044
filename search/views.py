"""The ask page, and what becomes of a question."""

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from kb.access import chosen_among, documents_in, readable_by, writable_by
from kb.models import Document, KnowledgeBase, User
from kb.request import Request
from search.ask import ask as answer_to
from search.chat.models import offered
from search.conversations.record import title_of
from search.conversations.scope import scope_of
from search.conversations.turns import turn_of
from search.forms import MODES, AskForm
from search.models import Conversation, Message

RECENT = 6


@login_required
@require_GET
def home(request: Request) -> HttpResponse:
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
        "chat_models": list(offered()),
        "knowledge_bases": list(readable_by(user)),
        "writable": writable_by(user).first(),
        "counts": counts,
        "conversations": Conversation.objects.filter(user=user)[:RECENT],
    }


@login_required
@require_http_methods(["GET", "POST"])
def ask(request: Request) -> HttpResponse:
    """Answer a question: a new turn of its conversation to htmx, the conversation's page to everyone else."""
    if request.method == "GET":
        return redirect("home")
    form = AskForm(request.POST)
    if not form.is_valid():
        return _ask_again(request, form)
    asked = form.cleaned_data
    conversation = _conversation(request.user, asked)
    scope = scope_of(request.user, conversation, asked["kb"])
    message = _answer(conversation, asked, scope)
    if not request.htmx:
        return redirect(f"{conversation.get_absolute_url()}#message-{message.pk}")
    if not asked["conversation"]:
        return HttpResponseClientRedirect(conversation.get_absolute_url())
    return render(request, "search/_turn.html", {"turn": turn_of(message, request.user)})


def _conversation(user: User, asked: dict) -> Conversation:
    """The person's own conversation; a new one where none is named. Raises Http404."""
    model = asked["chat_model"]
    if asked["conversation"]:
        conversation = get_object_or_404(Conversation, pk=asked["conversation"], user=user)
        if model and model.pk != conversation.chat_model_id:
            conversation.chat_model = model
            conversation.save(update_fields=["chat_model"])
        return conversation
    chosen = chosen_among(readable_by(user), asked["kb"]) if asked["kb"] else []
    conversation = Conversation.objects.create(user=user, title=title_of(asked["question"]), chat_model=model)
    conversation.knowledge_bases.set(chosen)
    return conversation


def _answer(conversation: Conversation, asked: dict, scope: list[KnowledgeBase]) -> Message:
    """The answer; a conversation that was begun for it does not outlive a failure."""
    try:
        return answer_to(conversation, asked["question"], knowledge_bases=scope, mode=asked["mode"])
    except Exception:
        if not asked["conversation"]:
            conversation.delete()
        raise


def _ask_again(request: Request, form: AskForm) -> HttpResponse:
    if request.htmx:
        return render(request, "search/_ask_errors.html", {"form": form}, status=422)
    context = {**_home(request.user, form), "chosen": request.POST.getlist("kb")}
    return render(request, "search/home.html", context, status=422)
