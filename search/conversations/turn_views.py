"""What a person does with an answer: have it written again, ask otherwise, say whether it helped."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh

from kb.models import User
from kb.request import Request
from search.conversations.again import ask_again, let_go, newest
from search.conversations.scope import scope_of
from search.conversations.turns import turn_of
from search.forms import AgainForm, RatingForm
from search.models import Message


@login_required
@require_POST
def message_again(request: Request, pk: int) -> HttpResponse:
    """A new answer in the old one's place; to other words, where there are some."""
    old = newest(_own(request.user, pk))  # the page may be from before
    form = AgainForm(request.POST)
    if not form.is_valid():
        return _refused(request, old, form)
    let_go(old)
    asked = form.cleaned_data
    _choose(old, asked["chat_model"])
    question = asked["question"] or old.question
    scope = scope_of(request.user, old.conversation)
    new = ask_again(old, question, knowledge_bases=scope, mode=old.mode)
    if not request.htmx:
        return redirect(_place(new))
    if question != old.question:
        return HttpResponseClientRefresh()  # the turns after it went with the old words
    return render(request, "search/_turn.html", {"turn": turn_of(new, request.user)})


def _refused(request: Request, message: Message, form: AgainForm) -> HttpResponse:
    error = " ".join(str(each) for errors in form.errors.values() for each in errors)
    if request.htmx:
        return HttpResponse(error, status=422, content_type="text/plain", headers={"HX-Reswap": "none"})
    messages.error(request, error)
    return redirect(_place(message))


def _choose(message: Message, chat_model) -> None:
    if chat_model:
        message.conversation.chat_model = chat_model
        message.conversation.save(update_fields=["chat_model"])


@login_required
@require_POST
def message_rate(request: Request, pk: int) -> HttpResponse:
    """Keep whether an answer helped, and a comment; the same thumb once more takes it back."""
    message = _own(request.user, pk)
    form = RatingForm(request.POST)
    if form.is_valid():
        _rate(message, form)
    if request.htmx:
        return render(request, "search/_rating.html", {"turn": turn_of(message, request.user)})
    (messages.success if form.is_valid() else messages.error)(
        request, _("Thank you, that is kept.") if form.is_valid() else _("That is no rating.")
    )
    return redirect(_place(message))


def _rate(message: Message, form: RatingForm) -> None:
    given, comment = form.cleaned_data["rating"], form.cleaned_data["comment"]
    if given is not None:
        message.rating = Message.Rating.NONE if given == message.rating else given
    if "comment" in form.data:
        message.comment = comment
    if message.rating == Message.Rating.NONE:
        message.comment = ""
    message.rated_at = timezone.now()
    message.save(update_fields=["rating", "comment", "rated_at"])


def _own(user: User, pk: int) -> Message:
    return get_object_or_404(Message.objects.select_related("conversation"), pk=pk, conversation__user=user)


def _place(message: Message) -> str:
    return f"{message.conversation.get_absolute_url()}#message-{message.pk}"
