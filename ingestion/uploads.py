"""Uploading and pasting: each file is taken in on its own, and each gets its answer."""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.base import ContentFile
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from ingestion.errors import IngestionError
from ingestion.forms import PasteForm
from ingestion.receive import receive
from ingestion.sniff import SUPPORTED
from ingestion.views import page_of
from kb.access import get_writable
from kb.models import Document, KnowledgeBase, User
from kb.request import Request


@dataclass(frozen=True)
class Outcome:
    """What became of a file: a document, new or here before, or a sentence that says why not."""

    name: str
    document: Document | None = None
    is_new: bool = False
    refusal: str = ""


@login_required
@require_http_methods(["GET", "POST"])
def upload(request: Request, pk) -> HttpResponse:
    """Take files in, each on its own: one that is refused does not hinder the others."""
    base = get_writable(request.user, pk)
    if request.method == "GET":
        return redirect(base)
    files, folders = request.FILES.getlist("file"), request.POST.getlist("folder")
    folders += [""] * (len(files) - len(folders))
    outcomes = [_take_in(file, base, request.user, folder) for file, folder in zip(files, folders, strict=False)]
    if request.htmx:
        return render(request, "ingestion/_outcomes.html", {"outcomes": outcomes, "supported": SUPPORTED})
    return _answer(request, base, outcomes)


def _take_in(file, base: KnowledgeBase, user: User, folder: str = "") -> Outcome:
    try:
        received = receive(file, knowledge_base=base, user=user, name=file.name, folder=folder)
    except IngestionError as error:
        return Outcome(file.name, refusal=error.message)
    return Outcome(file.name, received.document, received.is_new)


def _answer(request: Request, base: KnowledgeBase, outcomes: list[Outcome]) -> HttpResponse:
    """Back to the list if all is well; otherwise the page with a sentence for each file."""
    if not outcomes:
        messages.error(request, _("No file was chosen."))
        return redirect(base)
    if all(outcome.is_new for outcome in outcomes):
        said = ngettext("%(n)s file received.", "%(n)s files received.", len(outcomes))
        messages.success(request, said % {"n": len(outcomes)})
        return redirect(base)
    page = page_of(request.user, base, QueryDict(), outcomes=outcomes)
    return render(request, "ingestion/knowledge_base.html", page)


@login_required
@require_http_methods(["GET", "POST"])
def paste(request: Request, pk) -> HttpResponse:
    """Take in a text that was typed or pasted, as a file of its own."""
    base = get_writable(request.user, pk)
    if request.method == "GET":
        return redirect(base)
    form = PasteForm(request.POST)
    if form.is_valid():
        outcome = _take_in(_as_file(**form.cleaned_data), base, request.user)
        if outcome.document:
            said = _("“%(title)s” was received.") if outcome.is_new else _("This text is already here: “%(title)s”.")
            messages.success(request, said % {"title": outcome.document.title})
            return redirect(base)
        form.add_error("text", outcome.refusal)
    page = page_of(request.user, base, QueryDict(), paste_form=form)
    return render(request, "ingestion/knowledge_base.html", page, status=422)


def _as_file(title: str, text: str) -> ContentFile:
    return ContentFile(text.encode(), name=f"{title.replace('/', '-').replace(chr(92), '-')}.txt")
