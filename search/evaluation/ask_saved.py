"""Ask an index the saved questions, every way of searching, and measure what it finds."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils.translation import gettext as _

from kb.models import KnowledgeBase
from search import lane
from search.evaluation import jobs
from search.evaluation.answer_fits import keep_fit
from search.evaluation.foreign import Foreign, ModelAway, count_refusals, foreign_to, signs_row
from search.evaluation.measures import DEPTH, Judged, means, measure, percentiles
from search.evaluation.relevance import Target, ranks_of, targets_of
from search.limits import limits_of
from search.models import EvaluationRun, Index, IndexedDocument, Question, QuestionSet
from search.passage import Passage
from search.rerank import RERANK_AWAY
from search.retrieve import EMBEDDING_AWAY, KEYWORDS_AWAY, TOO_MANY, WORDS_LACKING, Retrieval, retrieve
from search.settings.tuning import Tuning, tuning_from
from search.signs import JUDGED

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


@dataclass(frozen=True)
class Batch:
    """Questions, by their keys, whose rows come into this field of the run; `ask` gives a question's row."""

    field: str
    questions: Mapping[Any, Any]
    ask: Callable[[Any], dict[str, Any]]


def ask_saved(run: EvaluationRun, worker: str) -> bool:
    """Ask what was not asked yet. True when all is measured, False when the round is over; both are written down.

    Raises EvaluationError where nothing can be measured, LeaseLost where the run is no longer this worker's.
    """
    questions, targets = askable(run)
    tries_settings = run.reason == EvaluationRun.Reason.SETTINGS
    ways = ways_of(tuning_from(run.tuning), chat_only=tries_settings)
    by_key = {one.pk: one for one in questions}
    batches = [Batch("answers", by_key, lambda one: _answer(run, one, targets[one.pk], ways))]
    if not tries_settings:
        foreign = foreign_to(questions_of(run.knowledge_base, run.question_set), questions)
        batches.append(Batch("foreign", {one.key: one for one in foreign}, lambda one: _foreign(run, one, ways)))
    if not in_rounds(run, worker, batches):
        return False
    judge(run.answers, list(ways))
    _finish(run, worker, _results(run, list(ways)))
    return True


def in_rounds(run: EvaluationRun, worker: str, batches: Sequence[Batch]) -> bool:
    """Ask each question that has no row yet, for a minute; whether all have one now."""
    known = {one.field: {row["question"]: row for row in getattr(run, one.field)} for one in batches}
    waiting = [(one, key) for one in batches for key in one.questions if key not in known[one.field]]
    _save(run, worker, known, batches)
    begun = saved = time.monotonic()
    for batch, key in waiting:
        known[batch.field][key] = batch.ask(batch.questions[key])
        now = time.monotonic()
        if now - begun > ROUND:
            break
        if now - saved > SAVE:
            _save(run, worker, known, batches)
            saved = now
    _save(run, worker, known, batches)
    return run.progress == run.progress_total


def _save(run: EvaluationRun, worker: str, known: Mapping[str, dict], batches: Sequence[Batch]) -> None:
    rows = {one.field: [known[one.field][key] for key in one.questions if key in known[one.field]] for one in batches}
    total = sum(len(one.questions) for one in batches)
    jobs.write(run, worker, **rows, progress=sum(map(len, rows.values())), progress_total=total, error="")


def _finish(run: EvaluationRun, worker: str, results: dict[str, dict]) -> None:
    """With the limits of answering that it fits to its index, where it asked for them."""
    with transaction.atomic():
        keep_fit(run)
        refusals = count_refusals(run, limits_of(run.index)) if run.foreign else {}
        measured = {"answers": run.answers, "foreign": run.foreign, "results": results, "refusals": refusals}
        jobs.finish(run, worker, EvaluationRun.State.DONE, **measured, error="")


def _answer(
    run: EvaluationRun, question: Question, targets: Sequence[Target], ways: Mapping[str, tuple[str, Tuning]]
) -> dict[str, Any]:
    """A row of EvaluationRun.answers: the places (from 1) of what is relevant, and the milliseconds, by way.

    With "signs", and whether what is relevant is among the passages that they are seen in: "is_found".
    """
    found: dict[str, dict[str, Any]] = {}
    passages: dict[str, Sequence[Passage]] = {}
    for way, (mode, tuning) in ways.items():
        retrieval = retrieved(run, question.text, mode, tuning, run.index)
        passages[way] = retrieval.passages
        ranks = ranks_of(targets, retrieval.passages)
        found[way] = {"ranks": list(ranks), "milliseconds": round(retrieval.milliseconds, 2)}
    row: dict[str, Any] = {
        "question": question.pk,
        "text": question.text,
        "grades": [one.grade for one in targets],
        "ways": found,
    }
    if len(ways) > 1:
        chat = list(ways)[-1]
        row["signs"] = _signs(run, question.text, passages[chat], passages["keyword"])
        row["is_found"] = any(rank is not None and rank <= JUDGED for rank in found[chat]["ranks"])
    return row


def _foreign(run: EvaluationRun, question: Foreign, ways: Mapping[str, tuple[str, Tuning]]) -> dict[str, Any]:
    """A row of EvaluationRun.foreign."""
    chat = list(ways)[-1]
    by_words, by_chat = (retrieved(run, question.text, *ways[way], run.index).passages for way in ("keyword", chat))
    signs = _signs(run, question.text, by_chat, by_words)
    return {"question": question.key, "text": question.text if question.is_saved else "", "signs": signs}


def _signs(
    run: EvaluationRun, question: str, by_chat: Sequence[Passage], by_words: Sequence[Passage]
) -> dict[str, Any]:
    assert run.index is not None
    try:
        return signs_row(question, by_chat, by_words, run.index)
    except ModelAway as error:
        raise EvaluationError(str(EMBEDDING_AWAY["vector"]), retry=True) from error


def retrieved(run: EvaluationRun, question: str, mode: str, tuning: Tuning, index: Index | None) -> Retrieval:
    """Every way pays for the question's vector itself. Raises EvaluationError where an engine is away."""
    assert index is not None
    lane.forget()
    retrieval = retrieve(
        question, knowledge_bases=[run.knowledge_base], mode=mode, limit=DEPTH, tuning=tuning, indexes=[index]
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
    """Way -> measure -> {"value", "low", "high"}, with "milliseconds", the number of "questions", and the "bytes" of
    the vectors searched."""
    results: dict[str, dict] = {}
    for way in ways:
        rows = [one["ways"][way] for one in run.answers]
        took = percentiles([row["milliseconds"] for row in rows])
        results[way] = {**means([row["values"] for row in rows]), "milliseconds": took, "questions": len(rows)}
    assert run.index is not None
    chunks = IndexedDocument.objects.filter(index=run.index).aggregate(n=Sum("chunks"))["n"] or 0
    for way in {"vector"}.intersection(results):
        results[way]["bytes"] = chunks * run.index.dimension * 4
    return results
