"""Ask an index what it is to refuse, and see by which signs that can be told from what it answers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from search.answerable import Limits, Signs, is_answerable
from search.evaluation.fit import Observed
from search.evaluation.neutral_questions import CHINESE, ENGLISH
from search.models import EvaluationRun, Index, Question
from search.passage import Passage
from search.signs import JUDGED, covered_share, weighed
from search.structure import with_parts
from search.terms import is_cjk

Retrieve = Callable[[str], Sequence[Passage]]


class ModelAway(Exception):
    """The index's model could not compare the sentences just now."""


@dataclass(frozen=True)
class Foreign:
    """A question that nothing here answers: a saved one by its key, or a shipped one by its place in the list."""

    key: int | str
    text: str

    @property
    def is_saved(self) -> bool:
        return isinstance(self.key, int)


def foreign_to(questions: Iterable[Question], answerable: Sequence[Question]) -> list[Foreign]:
    """Those of the questions that are marked so, and everyday ones in the scripts of the answerable ones.

    Questions of other knowledge bases are not among them: this one may well answer them, and whoever manages this one
    may not know of them.
    """
    marked = [Foreign(one.pk, one.text) for one in questions if not one.has_answer]
    scripts = {is_cjk(one.text) for one in answerable}
    lists = (("en", ENGLISH, False), ("zh", CHINESE, True))
    shipped = (
        Foreign(f"{name} {number}", text)
        for name, texts, script in lists
        if script in scripts
        for number, text in enumerate(texts, 1)
    )
    return [*marked, *shipped]


def signs_row(question: str, by_chat: Sequence[Passage], by_words: Sequence[Passage], index: Index) -> dict[str, Any]:
    """The signs in what chat and words alone found, as a run keeps them. Raises ModelAway."""
    found = weighed(question, with_parts(by_chat[:JUDGED]), indexes=[index])
    if found.is_away:
        raise ModelAway
    words = covered_share(question, with_parts(by_words[:JUDGED]), indexes=[index])
    row = {**asdict(found.signs), "by_words": words}
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}


def observed_in(run: EvaluationRun) -> Iterator[Observed]:
    """What was seen of each question; an answerable one counts where its right passage was found."""
    for row in run.answers:
        if "signs" in row and row["is_found"]:
            yield _observed(row, is_answerable=True)
    for row in run.foreign:
        yield _observed(row, is_answerable=False)


def _observed(row: dict[str, Any], *, is_answerable: bool) -> Observed:
    signs = dict(row["signs"])
    by_words = signs.pop("by_words")
    return Observed(Signs(**signs), by_words, is_answerable)


def count_refusals(run: EvaluationRun, limits: Limits) -> dict[str, dict[str, int]]:
    """EvaluationRun.refusals by these limits; says in each row of signs whether it `is_refused`."""
    found = [row for row in run.answers if "signs" in row and row["is_found"]]
    groups = {
        "answerable": found,
        "unanswerable": [row for row in run.foreign if isinstance(row["question"], int)],
        "neutral": [row for row in run.foreign if isinstance(row["question"], str)],
    }
    for row in (*run.answers, *run.foreign):
        if "signs" in row:
            row["is_refused"] = not is_answerable(_observed(row, is_answerable=True).signs, limits)
    return {name: {"asked": len(rows), "refused": sum(r["is_refused"] for r in rows)} for name, rows in groups.items()}
