"""How much is found, how quickly and in how much memory at each dimension of the vectors.

Every dimension is searched exactly, over the stored full vectors cut to it, so nothing but the questions is embedded;
the vector store in use is asked besides (search.evaluation.stored_curve). The places are those of single passages by
meaning alone, before passages are joined and taken in turn.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from kb.models import Chunk
from search import lane
from search.embedders import EmbeddingError
from search.evaluation import jobs
from search.evaluation.ask_saved import EvaluationError, askable, judge
from search.evaluation.measures import DEPTH, means, percentiles
from search.evaluation.relevance import Target, ranks_of
from search.evaluation.stored_curve import TIMED, Exact, through_the_store
from search.models import EvaluationRun, Index, Question
from search.passage import Passage
from search.settings.tuning import tuning_from
from search.vectors import of_chunks, shorten

STEPS = (32, 64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 2560, 3072)
ROWS_AT_ONCE = 2000
QUESTIONS_AT_ONCE = 500


def dimensions_of(index: Index) -> list[int]:
    """What is measured: steps from 32 up, the dimension that is searched, and the full one."""
    full = index.preset.dimension
    return sorted({*(step for step in STEPS if step < full), index.dimension, full})


def measure_dimensions(run: EvaluationRun, worker: str) -> bool:
    """Measure every dimension of the run's index, and write it down, by dimension in place of the way of searching.

    Raises EvaluationError where nothing can be measured, LeaseLost where the run is no longer this worker's.
    """
    questions, targets = askable(run)
    assert run.index is not None
    total = Chunk.objects.filter(**_inside(run.index)).count()
    jobs.write(run, worker, progress=0, progress_total=len(questions) + total, error="")
    curve = _Curve(_embedded(run, worker, questions), dimensions_of(run.index))
    for chunk_ids, vectors in _blocks(run.index):
        curve.take(chunk_ids, vectors)
        jobs.write(run, worker, progress=min(run.progress + len(chunk_ids), run.progress_total))
    if not curve.rows:
        raise EvaluationError(_("Nothing in this index is embedded yet."), retry=True)
    stored = _stored(run, worker, curve)
    answers = _answers(curve, questions, targets)
    judge(answers, [str(dimension) for dimension in curve.dimensions])
    results = {str(one): _result(curve, answers, one) | stored.get(one, {}) for one in curve.dimensions}
    jobs.finish(run, worker, EvaluationRun.State.DONE, answers=answers, results=results, progress=run.progress_total)
    return True


def _stored(run: EvaluationRun, worker: str, curve: "_Curve") -> dict[int, dict[str, Any]]:
    """{"store": the figures} of each dimension at which the vector store was asked."""
    assert run.index is not None
    index = run.index
    exact, limit = Exact(curve.rows, curve.questions, curve.best), tuning_from(run.tuning).candidates
    found = {}
    for dimension, figures in through_the_store(index, exact, limit, lambda: _blocks(index)):
        found[dimension] = {"store": figures}
        jobs.write(run, worker, progress=run.progress)  # so that one that was cancelled ends here
    return found


def _embedded(run: EvaluationRun, worker: str, questions: Sequence[Question]) -> np.ndarray:
    """(n, full dimension) of the questions, put as the index puts them."""
    assert run.index is not None
    vectors, saved = [], time.monotonic()
    for number, question in enumerate(questions, 1):
        try:
            vectors.append(lane.embed_query(run.index.preset, question.text, run.index.query_instruction))
        except EmbeddingError as error:
            raise EvaluationError(_("The embedding model does not answer just now."), retry=True) from error
        if time.monotonic() - saved > 2 or number == len(questions):
            jobs.write(run, worker, progress=number)
            saved = time.monotonic()
    return np.stack(vectors)


def _inside(index: Index) -> dict[str, Any]:
    return {"chunking": index.chunking_id, "document__indexed_in__index": index.pk, "document__deleted_at": None}


def _blocks(index: Index) -> Iterator[tuple[list[int], np.ndarray]]:
    """Chunk ids and their full vectors, some at a time, in the order of their ids."""
    full, last = copy(index), 0
    full.dimension = index.preset.dimension
    chunks = Chunk.objects.filter(**_inside(index)).order_by("pk")
    while pairs := list(chunks.filter(pk__gt=last).values_list("pk", "digest")[:ROWS_AT_ONCE]):
        last = pairs[-1][0]
        yield of_chunks(full, pairs)


class _Curve:
    """The best chunks of each question at each dimension, of the blocks that were taken so far."""

    def __init__(self, questions: np.ndarray, dimensions: Sequence[int]) -> None:
        self.questions = {dimension: shorten(questions, dimension) for dimension in dimensions}
        self.dimensions, self.rows = dimensions, 0
        self.best = {dimension: np.full((len(questions), DEPTH), -1, np.int64) for dimension in dimensions}
        self.scores = {dimension: np.full((len(questions), DEPTH), -np.inf, np.float32) for dimension in dimensions}
        self.seconds: defaultdict[int, np.ndarray] = defaultdict(lambda: np.zeros(min(TIMED, len(questions))))

    def take(self, chunk_ids: Sequence[int], vectors: np.ndarray) -> None:
        """(n,) ids and (n, full dimension) vectors."""
        self.rows += len(chunk_ids)
        for dimension in self.dimensions if len(chunk_ids) else ():
            block = shorten(vectors, dimension)
            self._time(dimension, block)
            for first in range(0, len(self.best[dimension]), QUESTIONS_AT_ONCE):
                self._merge(dimension, slice(first, first + QUESTIONS_AT_ONCE), np.asarray(chunk_ids), block)

    def _merge(self, dimension: int, part: slice, chunk_ids: np.ndarray, block: np.ndarray) -> None:
        similarities = self.questions[dimension][part] @ block.T
        scores = np.hstack([self.scores[dimension][part], similarities])
        ids = np.hstack([self.best[dimension][part], np.broadcast_to(chunk_ids, similarities.shape)])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
        self.scores[dimension][part] = np.take_along_axis(scores, order, axis=1)
        self.best[dimension][part] = np.take_along_axis(ids, order, axis=1)

    def _time(self, dimension: int, block: np.ndarray) -> None:
        """How long these rows take for one question at a time."""
        for number in range(len(self.seconds[dimension])):
            begun = time.perf_counter()
            similarities = block @ self.questions[dimension][number]
            np.argpartition(-similarities, min(DEPTH, len(similarities)) - 1)
            self.seconds[dimension][number] += time.perf_counter() - begun


def _answers(
    curve: _Curve, questions: Sequence[Question], targets: dict[int, tuple[Target, ...]]
) -> list[dict[str, Any]]:
    passages = _passages({int(pk) for best in curve.best.values() for pk in best.flat if pk >= 0})
    rows = []
    for number, question in enumerate(questions):
        ways = {}
        for dimension in curve.dimensions:
            found = [passages[pk] for pk in curve.best[dimension][number].tolist() if pk in passages]
            ways[str(dimension)] = {"ranks": list(ranks_of(targets[question.pk], found))}
        grades = [one.grade for one in targets[question.pk]]
        rows.append({"question": question.pk, "text": question.text, "grades": grades, "ways": ways})
    return rows


def _passages(chunk_ids: set[int]) -> dict[int, Passage]:
    """Where these chunks stand; their texts are not asked for."""
    found, listed = {}, sorted(chunk_ids)
    for first in range(0, len(listed), 500):
        chunks = Chunk.objects.filter(pk__in=listed[first : first + 500])
        for pk, document, base, start, end in chunks.values_list(
            "pk", "document", "document__knowledge_base", "start", "end"
        ):
            found[pk] = Passage(pk, document, base, "", "", start, end)
    return found


def _result(curve: _Curve, answers: Sequence[dict[str, Any]], dimension: int) -> dict[str, Any]:
    return {
        **means([one["ways"][str(dimension)]["values"] for one in answers]),
        "milliseconds": percentiles((curve.seconds[dimension] * 1000).tolist()),
        "bytes": curve.rows * dimension * 4,
    }
