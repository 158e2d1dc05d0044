"""The API of saved questions and evaluations, for the managers of a knowledge base."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field, StringConstraints

from kb.access import get_manageable
from kb.api import Input
from kb.api_errors import ApiError
from kb.models import KnowledgeBase
from kb.request import Request
from search.evaluation.evaluate import questions_of, start
from search.evaluation.lengths import LengthsError, compare_lengths, plan
from search.evaluation.pages import usual_way
from search.evaluation.question_export import path_of
from search.evaluation.question_files import MOST_CHARACTERS, MOST_QUESTIONS, Asked, Read, Wanted
from search.evaluation.question_sets import complete, counted, import_questions
from search.models import EvaluationRun, QuestionSet, Relevant

router = Router(tags=["Evaluation"])

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_CHARACTERS)]


class WantedIn(Input):
    """What answers a question."""

    document: str = Field("", max_length=800, description="Its id, path, file name or title.")
    passage: str = Field("", max_length=20_000, description="The part of its text that answers; none: all of it.")
    grade: int = Field(1, ge=1, le=10, description="How well it answers.")


class QuestionIn(Input):
    question: Words
    relevant: list[WantedIn] = Field(
        max_length=100, description="What answers it; an empty list: nothing here does, and it is to be refused."
    )


class QuestionSetIn(Input):
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
    questions: list[QuestionIn] = Field(min_length=1, max_length=MOST_QUESTIONS)


class QuestionSetOut(Schema):
    id: int
    name: str
    questions: int
    incomplete: int = Field(description="How many of them have no document, and are not asked.")
    unanswerable: int = Field(description="How many of them nothing here answers, and are to be refused.")
    created_at: datetime


class SavedOut(QuestionSetOut):
    notes: list[str] = Field(description="What was not found, question by question.")


class QuestionSets(Schema):
    question_sets: list[QuestionSetOut]


class RelevantOut(Schema):
    document: UUID
    path: str
    title: str
    start: int | None
    end: int | None
    passage: str
    grade: int


class QuestionOut(Schema):
    id: int
    question: str
    has_answer: bool = Field(description="False: nothing here answers it.")
    relevant: list[RelevantOut]


class Questions(QuestionSetOut):
    items: list[QuestionOut]
    limit: int
    offset: int


class Page(Schema):
    limit: int = Field(50, ge=1, le=200)
    offset: int = Field(0, ge=0)


class StartIn(Input):
    question_set: int | None = Field(None, description="None: all saved questions.")
    curve: bool = Field(False, description="Measure each dimension of the vectors instead of each way of searching.")
    lengths: list[int] = Field(
        [], max_length=10,
        description="Measure passages of these lengths in tokens, and of the one in use, instead: an index is built of "
        "each, beside the one in use.",
    )  # fmt: skip


class EvaluationOut(Schema):
    id: UUID
    state: EvaluationRun.State
    reason: EvaluationRun.Reason
    label: str
    question_set: int | None
    progress: int
    progress_total: int
    error: str
    chat: str = Field(description="Which of the results is that of chat, or of the index in use.")
    results: dict[str, dict[str, Any]] = Field(description="By way of searching, by dimension or by passage length.")
    refusals: dict[str, dict[str, int]] = Field(
        description="How many were asked and refused: of the answerable, of the saved ones that nothing here answers "
        "(unanswerable), and of shipped ones about everyday things (neutral)."
    )
    created_at: datetime
    finished_at: datetime | None


class Evaluations(Schema):
    evaluations: list[EvaluationOut]
    total: int


class EvaluationWhole(EvaluationOut):
    answers: list[dict[str, Any]] = Field(description="Each question with the places of what is relevant to it.")
    foreign: list[dict[str, Any]] = Field(description="Each question that is to be refused, with its signs.")


def _set(one: QuestionSet) -> dict[str, Any]:
    counted([one])
    counts = {name: getattr(one, name) for name in ("incomplete", "unanswerable")}  # counted adds them
    return {
        "id": one.pk, "name": one.name, "created_at": one.created_at,
        "questions": one.number, **counts,  # type: ignore[attr-defined]
    }  # fmt: skip


def _run(run: EvaluationRun) -> dict[str, Any]:
    same = (
        "label",
        "progress",
        "progress_total",
        "error",
        "results",
        "refusals",
        "created_at",
        "finished_at",
        "state",
        "reason",
    )
    return {
        "id": run.pk, "question_set": run.question_set_id, "chat": usual_way(run) if run.results else "",
        **{name: getattr(run, name) for name in same},
    }  # fmt: skip


@router.get("/knowledge-bases/{uuid:id}/question-sets", response=QuestionSets, summary="Saved questions, by sets")
def list_sets(request: Request, id: UUID):
    return {"question_sets": [_set(one) for one in get_manageable(request.user, id).question_sets.all()]}


@router.post("/knowledge-bases/{uuid:id}/question-sets", response={201: SavedOut}, summary="Save questions")
def save_set(request: Request, id: UUID, body: QuestionSetIn):
    """Into a new set, or one that is there. A question whose documents are not found is saved without them."""
    base = get_manageable(request.user, id)
    asked = tuple(
        Asked(
            one.question, tuple(Wanted(**wanted.model_dump()) for wanted in one.relevant), f"questions[{number}]",
            has_answer=bool(one.relevant),
        )
        for number, one in enumerate(body.questions)
    )  # fmt: skip
    report = import_questions(base, Read(asked, ()), set_name=body.name, user=request.user)
    return 201, {**_set(report.question_set), "notes": list(report.faults)}


@router.get("/knowledge-bases/{uuid:id}/question-sets/{int:question_set}", response=Questions, summary="One set")
def show_set(request: Request, id: UUID, question_set: int, page: Query[Page]):
    found = get_object_or_404(get_manageable(request.user, id).question_sets, pk=question_set)
    questions = found.questions.order_by("pk").prefetch_related("relevant__document")
    items = [
        {
            "id": one.pk, "question": one.text, "has_answer": one.has_answer,
            "relevant": [_relevant(each) for each in one.relevant.all()],
        }
        for one in questions[page.offset : page.offset + page.limit]
    ]  # fmt: skip
    return {**_set(found), "items": items, "limit": page.limit, "offset": page.offset}


def _relevant(one: Relevant) -> dict[str, Any]:
    return {
        "document": one.document_id, "path": path_of(one.document), "title": one.document.title,
        "start": one.start, "end": one.end, "passage": one.quote, "grade": one.grade,
    }  # fmt: skip


@router.get("/knowledge-bases/{uuid:id}/evaluations", response=Evaluations, summary="Evaluations")
def list_runs(request: Request, id: UUID, page: Query[Page]):
    """The newest first."""
    runs = get_manageable(request.user, id).evaluation_runs.select_related("index__chunking")
    runs = runs.order_by("-created_at").defer("answers", "foreign")
    shown = [_run(run) for run in runs[page.offset : page.offset + page.limit]]
    return {"evaluations": shown, "total": runs.count()}


@router.post("/knowledge-bases/{uuid:id}/evaluations", response={202: EvaluationOut}, summary="Evaluate")
def start_run(request: Request, id: UUID, body: StartIn):
    """A worker asks the questions; ask for the evaluation again to see how far it is."""
    base = get_manageable(request.user, id)
    chosen = get_object_or_404(base.question_sets, pk=body.question_set) if body.question_set is not None else None
    if not complete(questions_of(base, chosen)).exists():
        raise ApiError(422, _("There is no saved question with a document that is still there."), "no_questions")
    if body.lengths:
        return 202, _run(_lengths(request, base, body.lengths, chosen))
    reason = EvaluationRun.Reason.CURVE if body.curve else EvaluationRun.Reason.ASKED
    return 202, _run(start(base, question_set=chosen, reason=reason, asked_by=request.user))


def _lengths(request: Request, base: KnowledgeBase, lengths: list[int], chosen: QuestionSet | None) -> EvaluationRun:
    try:
        return compare_lengths(plan(base, lengths), base, question_set=chosen, asked_by=request.user)
    except LengthsError as error:
        raise ApiError(422, error.message) from error


@router.get("/knowledge-bases/{uuid:id}/evaluations/{uuid:run}", response=EvaluationWhole, summary="One evaluation")
def show_run(request: Request, id: UUID, run: UUID):
    found = get_object_or_404(
        get_manageable(request.user, id).evaluation_runs.select_related("index__chunking"), pk=run
    )
    return {**_run(found), "answers": found.answers, "foreign": found.foreign}
