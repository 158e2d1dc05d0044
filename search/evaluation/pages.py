"""What the pages of evaluations show: tables, histories and curves, made of runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from kb.models import KnowledgeBase
from search.evaluation.comparison import Comparison, chat_way, first_rank
from search.evaluation.comparison import Row as ComparedRow
from search.evaluation.measures import TITLES
from search.models import EvaluationRun, QuestionSet

State, Reason = EvaluationRun.State, EvaluationRun.Reason
SHOWN = ("recall@1", "recall@3", "recall@5", "recall@10", "mrr@10", "ndcg@10")
CHIEF = ("recall@5", "mrr@10", "ndcg@10")
BESIDE_STORE = tuple(one for one in SHOWN if one != "recall@3")  # where the table has one column more
CURVES = (Reason.CURVE, Reason.LENGTHS)  # whose results are by a number, not by a way of searching
HISTORY = 60  # runs in a chart
LONG = ("answers", "foreign")  # fields with a row a question


def way_name(way: str) -> str:
    """How a way of searching is called; a dimension or a passage length is its own name."""
    names = {"vector": _("by meaning"), "keyword": _("by words"), "hybrid": _("by both"), "reranked": _("reranked")}
    return names.get(way, way)


def measure_name(measure: str) -> str:
    """How a measure is written."""
    return TITLES.get(measure, measure)


@dataclass(frozen=True)
class Line:
    """A row of a table of results: a way of searching (or a dimension, or a passage length) and its figures.

    `figures` are {"value", "low", "high"} in the order of the table's measures; `bytes` is the memory of the vectors.
    `store` is what the vector store itself did at a dimension (search.evaluation.stored_curve), where it was asked;
    `passages` is how many there are of a length.
    """

    way: str
    figures: tuple[dict[str, float], ...]
    p50: float | None
    p95: float | None
    bytes: int | None
    is_chat: bool
    store: dict[str, Any] | None = None
    passages: int | None = None

    @property
    def name(self) -> str:
        return way_name(self.way)


def lines_of(run: EvaluationRun, measures: Sequence[str] = SHOWN) -> list[Line]:
    """The run's results, a line a way of searching."""
    return [_line(run, way, found, measures) for way, found in run.results.items()]


def _line(run: EvaluationRun, way: str, found: dict[str, Any], measures: Sequence[str]) -> Line:
    took = found.get("milliseconds") or {}
    return Line(
        way=way,
        figures=tuple(found[measure] for measure in measures),
        p50=took.get("p50"),
        p95=took.get("p95"),
        bytes=found.get("bytes"),
        store=found.get("store"),
        passages=found.get("passages"),
        is_chat=way == usual_way(run),
    )


def usual_way(run: EvaluationRun) -> str:
    """That of its results which chat has: a way of searching, or the dimension or the passage length in use then."""
    if run.index and run.reason == Reason.CURVE:
        return str(run.index.dimension)
    if run.index and run.reason == Reason.LENGTHS:
        return str(run.index.chunking.tokens)
    return chat_way(run)


def comparable(knowledge_base: KnowledgeBase) -> QuerySet[EvaluationRun]:
    """The finished runs that two can be compared of, the newest first."""
    return _with_index(knowledge_base.evaluation_runs.filter(state=State.DONE).exclude(reason__in=CURVES))


def measured(knowledge_base: KnowledgeBase) -> QuerySet[EvaluationRun]:
    """Those of them that tell how the knowledge base is or could be searched, without trials of settings."""
    return comparable(knowledge_base).exclude(reason=Reason.SETTINGS).defer(*LONG)


def _with_index(runs: QuerySet[EvaluationRun]) -> QuerySet[EvaluationRun]:
    return runs.select_related("index__preset", "index__chunking", "question_set", "asked_by").order_by("-created_at")


def listed(knowledge_base: KnowledgeBase) -> QuerySet[EvaluationRun]:
    """All runs for the list, without what was found for each question."""
    return _with_index(knowledge_base.evaluation_runs.defer(*LONG))


def history(runs: Iterable[EvaluationRun], question_set: QuestionSet | None) -> dict[str, Any] | None:
    """The chart of recall@5 over time in each way, of the runs of the serving index with these questions.

    None where there are fewer than two.
    """
    chosen = [
        run for run in runs if run.question_set_id == (question_set.pk if question_set else None)
        and run.reason in (Reason.ASKED, Reason.SCHEDULED)
    ][:HISTORY][::-1]  # fmt: skip
    if len(chosen) < 2:
        return None
    ways = list(dict.fromkeys(way for run in chosen for way in run.results))
    return {
        "labels": [date_format(localtime(run.created_at), "SHORT_DATETIME_FORMAT") for run in chosen],
        "y": "recall@5",
        "series": [
            {
                "name": way_name(way),
                "values": [run.results.get(way, {}).get("recall@5", {}).get("value") for run in chosen],
            }
            for way in ways
        ],
    }  # fmt: skip


def curve(run: EvaluationRun) -> dict[str, Any]:
    """The chart of a run over dimensions or passage lengths: how much is found, and in what time.

    At dimensions, that of the vector store, where it was asked at every one; else of exact search.
    """
    results = sorted(run.results.items(), key=lambda one: int(one[0]))
    engine = store_of(run)
    by_store = engine and all("store" in found for _dimension, found in results)
    asked = {"store": engine if by_store else _("exact search")}
    is_lengths = run.reason == Reason.LENGTHS
    return {
        "labels": [dimension for dimension, _found in results],
        "x": _("passage length") if is_lengths else _("dimension"),
        "y": _("share found"),
        "series": [
            {"name": measure_name(measure), "values": [found[measure]["value"] for _dimension, found in results]}
            for measure in CHIEF
        ],
        "right": {
            "name": _("milliseconds a question") if is_lengths else _("milliseconds a question, %(store)s") % asked,
            "values": [found["store" if by_store else "milliseconds"].get("p50") for _dimension, found in results],
        },
    }


def shown_of(run: EvaluationRun) -> Sequence[str]:
    """The measures that there is room for in the run's table."""
    if run.reason == Reason.LENGTHS:
        return CHIEF
    return BESIDE_STORE if store_of(run) else SHOWN


def store_of(run: EvaluationRun) -> str:
    """The name of the vector store that a run over the dimensions asked; empty where it asked none."""
    return next((found["store"]["engine"] for found in run.results.values() if "store" in found), "")


@dataclass(frozen=True)
class Row:
    """A question of a run: the place of its first right passage in the chosen way, and in the others.

    `is_refused`: chat would say that nothing answers it.
    """

    question: int
    text: str
    rank: int | None
    others: tuple[tuple[str, int | None], ...]
    is_refused: bool = False


def rows_of(run: EvaluationRun, way: str, show: str) -> list[Row]:
    """The run's questions: all, those "found" or "lost" in a way of searching; what was found last comes first."""
    rows = [
        Row(
            one["question"],
            one["text"],
            first_rank(one["ways"].get(way)),
            tuple((way_name(other), first_rank(found)) for other, found in one["ways"].items() if other != way),
            one.get("is_refused", False),
        )
        for one in run.answers
    ]
    kept = [row for row in rows if show not in ("found", "lost") or (row.rank is not None) == (show == "found")]
    return sorted(kept, key=lambda row: (-(row.rank or 1000), row.question))


def asked(run: EvaluationRun) -> int:
    """How many questions with an answer a run asked."""
    first: dict[str, Any] = next(iter(run.results.values()), {})
    return first.get("questions", run.progress_total)


def refusals(run: EvaluationRun) -> list[str]:
    """How often it was said rightly and wrongly that nothing answers, as sentences; none where it was not measured."""
    said = {
        "answerable": _("Refused wrongly: %(refused)d of %(asked)d saved questions whose right passages are found."),
        "unanswerable": _("Refused rightly: %(refused)d of %(asked)d saved questions that nothing here answers."),
        "neutral": _("Refused rightly: %(refused)d of %(asked)d questions about everyday things."),
    }
    counts = run.refusals
    return [sentence % counts[name] for name, sentence in said.items() if counts.get(name, {}).get("asked")]


def to_refuse(run: EvaluationRun) -> list[dict[str, Any]]:
    """Rows of the saved questions that nothing here answers; those that were answered come first."""
    saved = [row for row in run.foreign if row["text"]]
    return sorted(saved, key=lambda row: row["is_refused"])


def by_index(runs: Iterable[EvaluationRun], question_set: QuestionSet | None) -> list[tuple[EvaluationRun, Line]]:
    """The newest run of each index with these questions, and how chat does there: indexes side by side."""
    newest: dict[int, EvaluationRun] = {}
    for run in runs:
        if run.index_id and run.question_set_id == (question_set.pk if question_set else None):
            newest.setdefault(run.index_id, run)
    chosen = [(run, line) for run in newest.values() for line in lines_of(run, CHIEF) if line.is_chat]
    return chosen if len(chosen) > 1 else []


def compared_rows(comparison: Comparison) -> list[ComparedRow]:
    """The way of chat with all its measures first, then the chief ones of the others."""
    chat = {row.way for row in comparison.verdict}
    own = [row for row in comparison.rows if row.way in chat and row.measure in SHOWN]
    return own + [row for row in comparison.rows if row.way not in chat and row.measure in CHIEF]
