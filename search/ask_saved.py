"""Ask an index the saved questions, every way of searching, and measure what it finds."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import QuerySet, Sum
from django.utils.translation import gettext as _

from kb.models import KnowledgeBase
from search import evaluation_jobs as jobs
from search import lane
from search.measures import DEPTH, Judged, means, measure, percentiles
from search.models import EvaluationRun, IndexedDocument, Question, QuestionSet
from search.relevance import Target, ranks_of, targets_of
from search.rerank import RERANK_AWAY
from search.retrieve import EMBEDDING_AWAY, KEYWORDS_AWAY, TOO_MANY, WORDS_LACKING, Retrieval, retrieve
from search.tuning import Tuning, tuning_from

ROUND = 60.0  # seconds of work before others get their turn with the worker
SAVE = 2.0  # seconds between two notes of what was done: no more is done again after a kill


class EvaluationError(Exception):
    """Why nothing could be measured, as a sentence. `retry`: it may well go better in a while."""

    def __init__(self, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.retry = retry


def questions_of(knowledge_base: KnowledgeBase, question_set: QuestionSet | None = None) -> QuerySet[Question]:
    """The saved questions of a knowledge base, or of one of its sets."""
    questions = Question.objects.filter(question_set__knowledge_base=knowledge_base).order_by("pk")
    return questions.filter(question_set=question_set) if question_set else questions


def askable(run: EvaluationRun) -> tuple[list[Question], dict[int, tuple[Target, ...]]]:
    """The run's questions for which there is something to find, and what. Raises EvaluationError where none is."""
    if run.index is None:
        raise EvaluationError(_("There is no index to ask: nothing in this knowledge base is indexed yet."))
    questions = questions_of(run.knowledge_base, run.question_set)
    targets = targets_of(questions)
    if not targets:
        raise EvaluationError(_("There is no saved question with a document that is still there."))
    return [one for one in questions if one.pk in targets], targets


def ways_of(tuning: Tuning, *, chat_only: bool = False) -> dict[str, tuple[str, Tuning]]:
    """Way of searching -> the mode and the numbers it is asked with; only the one that chat takes, where asked for."""
    if chat_only:
        return {"reranked" if tuning.rerank else "hybrid": ("hybrid", tuning)}
    plain = replace(tuning, rerank=None)
    ways = {"vector": ("vector", plain), "keyword": ("keyword", plain), "hybrid": ("hybrid", plain)}
    return {**ways, "reranked": ("hybrid", tuning)} if tuning.rerank else ways


def ask_saved(run: EvaluationRun, worker: str) -> bool:
    """Ask what was not asked yet. True when all is measured, False when the round is over; both are written down.

    Raises EvaluationError where nothing can be measured, LeaseLost where the run is no longer this worker's.
    """
    questions, targets = askable(run)
    ways = ways_of(tuning_from(run.tuning), chat_only=run.reason == EvaluationRun.Reason.SETTINGS)

    def ask(question: Question) -> dict[str, Any]:
        return _answer(run, question, targets[question.pk], ways)

    if not in_rounds(run, worker, questions, ask):
        return False
    judge(run.answers, list(ways))
    jobs.finish(run, worker, EvaluationRun.State.DONE, answers=run.answers, results=_results(run, list(ways)), error="")
    return True


def in_rounds(
    run: EvaluationRun, worker: str, questions: Sequence[Question], ask: Callable[[Question], dict[str, Any]]
) -> bool:
    """Ask each question that has no row in `run.answers` yet, for a minute; whether all have one now."""
    known = {one["question"]: one for one in run.answers}
    _save(run, worker, known, questions)
    begun = saved = time.monotonic()
    for question in (one for one in questions if one.pk not in known):
        known[question.pk] = ask(question)
        now = time.monotonic()
        if now - begun > ROUND:
            break
        if now - saved > SAVE:
            _save(run, worker, known, questions)
            saved = now
    _save(run, worker, known, questions)
    return len(run.answers) == len(questions)


def _save(run: EvaluationRun, worker: str, known: Mapping[int, dict], questions: Sequence[Question]) -> None:
    answers = [known[one.pk] for one in questions if one.pk in known]
    jobs.write(run, worker, answers=answers, progress=len(answers), progress_total=len(questions), error="")


def _answer(
    run: EvaluationRun, question: Question, targets: Sequence[Target], ways: Mapping[str, tuple[str, Tuning]]
) -> dict[str, Any]:
    """A row of EvaluationRun.answers: the places (from 1) of what is relevant, and the milliseconds, by way."""
    found = {}
    for way, (mode, tuning) in ways.items():
        retrieval = _retrieved(run, question.text, mode, tuning)
        ranks = ranks_of(targets, retrieval.passages)
        found[way] = {"ranks": list(ranks), "milliseconds": round(retrieval.milliseconds, 2)}
    return {
        "question": question.pk, "text": question.text, "grades": [one.grade for one in targets], "ways": found,
    }  # fmt: skip


def _retrieved(run: EvaluationRun, question: str, mode: str, tuning: Tuning) -> Retrieval:
    """Every way pays for the question's vector itself. Raises EvaluationError where an engine is away."""
    assert run.index is not None
    lane.forget()
    retrieval = retrieve(
        question, knowledge_bases=[run.knowledge_base], mode=mode, limit=DEPTH, tuning=tuning, indexes=[run.index]
    )
    lacking = (EMBEDDING_AWAY, TOO_MANY, KEYWORDS_AWAY, WORDS_LACKING)
    away = tuple(str(note) for notes in lacking for note in notes.values())
    away += (str(RERANK_AWAY).partition("%(")[0],)  # a reason follows
    if missing := [note for note in retrieval.notes if note.startswith(away)]:
        raise EvaluationError(" ".join(missing), retry=True)
    return retrieval


def judge(answers: Sequence[dict[str, Any]], ways: Sequence[str]) -> None:
    """Put every measure of every question into its row, as `answer["ways"][way]["values"]`."""
    for way in ways:
        judged = [Judged(one["question"], tuple(one["grades"]), tuple(one["ways"][way]["ranks"])) for one in answers]
        for one, values in zip(answers, measure(judged).values(), strict=True):
            one["ways"][way]["values"] = values


def _results(run: EvaluationRun, ways: Sequence[str]) -> dict[str, dict]:
    """Way -> measure -> {"value", "low", "high"}, with "milliseconds", and the "bytes" of the vectors searched."""
    results: dict[str, dict] = {}
    for way in ways:
        rows = [one["ways"][way] for one in run.answers]
        took = percentiles([row["milliseconds"] for row in rows])
        results[way] = {**means([row["values"] for row in rows]), "milliseconds": took}
    assert run.index is not None
    chunks = IndexedDocument.objects.filter(index=run.index).aggregate(n=Sum("chunks"))["n"] or 0
    for way in {"vector"}.intersection(results):
        results[way]["bytes"] = chunks * run.index.dimension * 4
    return results
