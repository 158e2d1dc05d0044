"""How much is found, how quickly and in how much memory with passages of each length: in the way that chat searches."""

from typing import Any

from django.db.models import Sum

from search.evaluation import jobs
from search.evaluation.ask_saved import Batch, askable, in_rounds, judge, retrieved, ways_of
from search.evaluation.measures import means, percentiles
from search.evaluation.relevance import ranks_of
from search.models import EvaluationRun, Index, IndexedDocument, Question
from search.presets.sizes import bytes_of
from search.settings.tuning import tuning_from


def measure_lengths(run: EvaluationRun, worker: str) -> bool:
    """Ask every question of the index of every length, and write it down by length in place of the way of searching.

    True when all is measured, False when the round is over. Raises EvaluationError where nothing can be measured,
    LeaseLost where the run is no longer this worker's.
    """
    questions, targets = askable(run)
    indexes = _indexes(run)
    ((mode, tuning),) = ways_of(tuning_from(run.tuning), chat_only=True).values()

    def ask(question: Question) -> dict[str, Any]:
        ways = {}
        for length, index in indexes.items():
            found = retrieved(run, question.text, mode, tuning, index)
            ranks = list(ranks_of(targets[question.pk], found.passages))
            ways[length] = {"ranks": ranks, "milliseconds": round(found.milliseconds, 2)}
        grades = [one.grade for one in targets[question.pk]]
        return {"question": question.pk, "text": question.text, "grades": grades, "ways": ways}

    if not in_rounds(run, worker, [Batch("answers", {one.pk: one for one in questions}, ask)]):
        return False
    judge(run.answers, list(indexes))
    results = {length: _result(run, length, index) for length, index in indexes.items()}
    jobs.finish(run, worker, EvaluationRun.State.DONE, answers=run.answers, results=results, error="")
    return True


def _indexes(run: EvaluationRun) -> dict[str, Index]:
    """By passage length, the shortest first; the one in use among them."""
    assert run.index is not None
    trials = run.trials.select_related("preset", "chunking")
    return {str(one.chunking.tokens): one for one in sorted([run.index, *trials], key=lambda one: one.chunking.tokens)}


def _result(run: EvaluationRun, length: str, index: Index) -> dict[str, Any]:
    rows = [one["ways"][length] for one in run.answers]
    passages = IndexedDocument.objects.filter(index=index).aggregate(n=Sum("chunks"))["n"] or 0
    return {
        **means([row["values"] for row in rows]),
        "milliseconds": percentiles([row["milliseconds"] for row in rows]),
        "bytes": bytes_of(index.dimension, passages),
        "passages": passages,
        "overlap": index.chunking.overlap,
    }
