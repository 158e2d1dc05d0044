"""The pages of saved questions: sets, their questions, and what answers each."""

import re
import tempfile

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kb.access import get_manageable, writable_by
from kb.models import Document, KnowledgeBase
from kb.request import Request
from search.evaluation.forms import ImportForm, QuestionForm, SetForm
from search.evaluation.question_export import as_jsonl, write_beir
from search.evaluation.question_files import MOST_CHARACTERS, QuestionFileError
from search.evaluation.question_sets import (
    add_relevant,
    counted,
    import_file,
    incomplete,
    keep,
    keep_from_message,
    keep_unanswerable,
    mark_answerable,
    mark_unanswerable,
)
from search.evaluation.views import overview
from search.models import Message, Question, QuestionSet, Relevant
from search.passage import Passage
from search.retrieve import retrieve

PER_PAGE = 50
CANDIDATES = 8
FAULTS_SHOWN = 200


def _set(request: Request, pk, number) -> QuestionSet:
    """A set of a knowledge base that the person manages; raises Http404."""
    return get_object_or_404(get_manageable(request.user, pk).question_sets.select_related("knowledge_base"), pk=number)


def _question(request: Request, pk, number) -> Question:
    questions = Question.objects.select_related("question_set__knowledge_base")
    return get_object_or_404(questions, pk=number, question_set__knowledge_base=get_manageable(request.user, pk))


@login_required
@require_POST
def question_set_new(request: Request, pk) -> HttpResponse:
    """An empty set."""
    knowledge_base = get_manageable(request.user, pk)
    form = SetForm(request.POST, instance=QuestionSet(knowledge_base=knowledge_base, created_by=request.user))
    if not form.is_valid():
        return overview(request, knowledge_base, status=422, set_form=form)
    return redirect("question_set", pk=pk, question_set=form.save().pk)


@login_required
@require_POST
def question_set_import(request: Request, pk) -> HttpResponse:
    """Questions from a file; what did not fit is said, sentence by sentence."""
    knowledge_base = get_manageable(request.user, pk)
    form = ImportForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            report = import_file(
                knowledge_base, file, name=file.name, set_name=form.cleaned_data["set_name"], user=request.user
            )
        except QuestionFileError as error:
            form.add_error("file", str(error))
        else:
            return _set_page(request, report.question_set, report=report)
    return overview(request, knowledge_base, status=422, import_form=form)


@login_required
@require_safe
def question_set_page(request: Request, pk, question_set: int) -> HttpResponse:
    """The questions of a set, and the form for one more."""
    return _set_page(request, _set(request, pk, question_set))


def _set_page(request: Request, shown: QuestionSet, status: int = 200, form=None, report=None) -> HttpResponse:
    knowledge_base = shown.knowledge_base
    words, show = request.GET.get("find", "").strip()[:200], request.GET.get("show", "all")
    questions = shown.questions.order_by("-pk").prefetch_related("relevant__document")
    questions = questions.filter(text__icontains=words) if words else questions
    if show == "incomplete":
        questions = incomplete(questions)
    elif show == "unanswerable":
        questions = questions.filter(has_answer=False)
    counted([shown])
    page = {
        "knowledge_base": knowledge_base,
        "tab": "evaluation",
        "set": shown,
        "questions": Paginator(questions, PER_PAGE).get_page(request.GET.get("page")),
        "show": show,
        "words": words,
        "form": form or QuestionForm(knowledge_base=knowledge_base, initial={"question": request.GET.get("question")}),
        "report": report,
        "faults": report.faults[:FAULTS_SHOWN] if report else (),
        "more_faults": max(0, len(report.faults) - FAULTS_SHOWN) if report else 0,
        **_candidates(request, knowledge_base),
    }
    return render(request, "search/evaluation/set.html", page, status=status)


@login_required
@require_safe
def candidates(request: Request, pk) -> HttpResponse:
    """Documents by their names and passages by a search: what may answer a question."""
    knowledge_base = get_manageable(request.user, pk)
    return render(request, "search/evaluation/_candidates.html", _candidates(request, knowledge_base))


def _candidates(request: Request, knowledge_base: KnowledgeBase) -> dict:
    asked = request.POST if request.method == "POST" else request.GET
    question, named = asked.get("question", "").strip(), asked.get("document", "").strip()[:200]
    found: tuple[Passage, ...] = ()
    if question:
        found = retrieve(question[:MOST_CHARACTERS], knowledge_bases=[knowledge_base], limit=CANDIDATES).passages
    living = Document.objects.filter(knowledge_base=knowledge_base, deleted_at=None)
    fitting = living.filter(title__icontains=named) | living.filter(name__icontains=named)
    return {
        "passages": found,
        "documents": list(fitting.order_by("title", "pk")[:CANDIDATES]) if named else [],
        "document_words": named,
        "asked": question,
        "chosen": set(asked.getlist("relevant")),
    }


@login_required
@require_POST
def question_add(request: Request, pk, question_set: int) -> HttpResponse:
    """One more question."""
    shown = _set(request, pk, question_set)
    form = QuestionForm(_data(request), knowledge_base=shown.knowledge_base)
    if not form.is_valid():
        return _set_page(request, shown, status=422, form=form)
    if form.cleaned_data["unanswerable"]:
        keep_unanswerable(shown, form.cleaned_data["question"], "typed")
    else:
        places = [(place, 1) for place in form.cleaned_data["relevant"]]
        keep(shown, form.cleaned_data["question"], places, "typed")
    messages.success(request, _("The question is saved."))
    return redirect("question_set", pk=pk, question_set=question_set)


def _data(request: Request) -> dict:
    single = {name: request.POST[name] for name in ("question", "unanswerable") if name in request.POST}
    return {**single, "relevant": request.POST.getlist("relevant")}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def question_page(request: Request, pk, question: int) -> HttpResponse:
    """A question's words, and what answers it."""
    shown = _question(request, pk, question)
    base = shown.question_set.knowledge_base
    initial = {"question": shown.text, "unanswerable": not shown.has_answer}
    form = QuestionForm(
        _data(request) if request.method == "POST" else None, knowledge_base=base, needs_relevant=False, initial=initial
    )
    if request.method == "POST" and form.is_valid():
        _change(shown, form.cleaned_data, _numbers(request.POST.getlist("keep")))
        messages.success(request, _("The question is saved."))
        return redirect("question_set", pk=pk, question_set=shown.question_set_id)
    relevant = Relevant.objects.filter(question=shown, document__deleted_at=None).select_related("document")
    page = {"knowledge_base": base, "tab": "evaluation", "question": shown, "form": form, "relevant": relevant}
    asked = {} if request.GET.get("question") or request.method == "POST" else {"question": shown.text}
    page |= _candidates(request, base) if not asked else _candidates_for(request, base, shown.text)
    status = 422 if request.method == "POST" else 200
    return render(request, "search/evaluation/question.html", page, status=status)


def _change(shown: Question, asked: dict, kept: list[int]) -> None:
    shown.text = asked["question"]
    shown.save(update_fields=["text"])
    if asked["unanswerable"]:
        mark_unanswerable(shown)
        return
    mark_answerable(shown)
    shown.relevant.exclude(pk__in=kept).delete()
    for place in asked["relevant"]:
        add_relevant(shown, place)


def _candidates_for(request: Request, knowledge_base: KnowledgeBase, text: str) -> dict:
    """The same before anything was asked for: passages for the question as it is."""
    found = retrieve(text, knowledge_bases=[knowledge_base], limit=CANDIDATES).passages
    return {**_candidates(request, knowledge_base), "passages": found, "asked": text}


def _numbers(said: list[str]) -> list[int]:
    return [int(one) for one in said if one.isascii() and one.isdigit() and len(one) < 18]


@login_required
@require_POST
def question_delete(request: Request, pk, question: int) -> HttpResponse:
    """Remove a question from its set."""
    gone = _question(request, pk, question)
    gone.delete()
    return redirect("question_set", pk=pk, question_set=gone.question_set_id)


@login_required
@require_POST
def question_set_rename(request: Request, pk, question_set: int) -> HttpResponse:
    """Another name for a set."""
    form = SetForm(request.POST, instance=_set(request, pk, question_set))
    if form.is_valid():
        form.save()
    else:
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect("question_set", pk=pk, question_set=question_set)


@login_required
@require_POST
def question_set_delete(request: Request, pk, question_set: int) -> HttpResponse:
    """Remove a set with its questions; what was measured with them stays."""
    _set(request, pk, question_set).delete()
    messages.success(request, _("The questions are deleted. What was measured with them stays."))
    return redirect("evaluation", pk=pk)


@login_required
@require_safe
def question_set_jsonl(request: Request, pk, question_set: int) -> StreamingHttpResponse:
    """The set as JSON lines, which the import reads."""
    shown = _set(request, pk, question_set)
    lines = StreamingHttpResponse(as_jsonl(shown), content_type="application/x-ndjson; charset=utf-8")
    lines["Content-Disposition"] = content_disposition_header(True, f"{_file_name(shown)}.jsonl")
    return lines


@login_required
@require_safe
def question_set_beir(request: Request, pk, question_set: int) -> FileResponse:
    """The set with all documents' texts as a BEIR folder in a ZIP."""
    shown = _set(request, pk, question_set)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    write_beir(shown, file)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=f"{_file_name(shown)}.zip", content_type="application/zip")


def _file_name(shown: QuestionSet) -> str:
    return re.sub(r"[^\w.-]+", "-", shown.name).strip("-.") or "questions"


@login_required
@require_POST
def message_keep(request: Request, pk: int) -> HttpResponse:
    """Keep a question of the person's own with the passages that its answer cites, where the person may write."""
    mine = get_object_or_404(Message, pk=pk, conversation__user=request.user)
    kept = keep_from_message(mine, knowledge_bases=writable_by(request.user))
    said = ngettext("Kept as a test question.", "Kept as a test question in %(n)d knowledge bases.", len(kept))
    text = said % {"n": len(kept)} if kept else _("No passage that it cites is in a knowledge base that you may edit.")
    if request.htmx:
        return render(request, "search/evaluation/_kept.html", {"text": text})
    (messages.success if kept else messages.error)(request, text)
    return redirect(f"{mine.conversation.get_absolute_url()}#message-{mine.pk}")
