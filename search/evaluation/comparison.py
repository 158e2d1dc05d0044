"""Tell two evaluations apart: which figures rose and fell, which questions, and whether the second is worse.

The rule, for a team with twenty questions as well as for one with a thousand. The second is worse when, in the way
that chat searches, the mean recall@5 or MRR@10 over the questions that both were asked

- is lower by more than .01, and
- would fall as far by mere chance in at most one of four cases (paired permutation test), or fell by more than .1.

So one question of twenty that is lost is not held against it, two with none gained are: when in doubt a person is
asked, which costs a click, where a silent loss would cost answers. Nothing smaller than .01 counts, however certain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from search.evaluation.measures import MEASURES, TITLES, chance_of_fall
from search.models import EvaluationRun

TOLERANCE = 0.01
CHANCE = 0.25
MUCH = 0.1
DECIDE = ("recall@5", "mrr@10")
NOWHERE = 1000  # the place of what was not found


@dataclass(frozen=True)
class Row:
    """A measure in a way of searching: its means before and after over the questions in common.

    The way of chat may be another before; `way` is that of after.

    `chance` is the share of cases in which it would fall so far by mere chance.
    """

    way: str
    measure: str
    before: float
    after: float
    chance: float

    @property
    def difference(self) -> float:
        return self.after - self.before

    @property
    def is_worse(self) -> bool:
        """By the rule of this module."""
        return self.difference < -TOLERANCE and (self.chance <= CHANCE or self.difference < -MUCH)


@dataclass(frozen=True)
class Change:
    """A question whose first relevant passage moved, in the way that chat searches; None: not among the first ten."""

    question: int
    text: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Comparison:
    """Two evaluations side by side. `shared` questions were asked in both; `verdict` are the rows that decide."""

    rows: tuple[Row, ...]
    verdict: tuple[Row, ...]
    better: tuple[Change, ...]
    worse: tuple[Change, ...]
    shared: int

    @property
    def is_worse(self) -> bool:
        """Whether the second finds less than the first; False where they have no question in common."""
        return any(row.is_worse for row in self.verdict)

    @property
    def sentences(self) -> list[str]:
        """What there is to say of it, for people."""
        if not self.shared:
            return [_("The two evaluations have no question in common, so they say nothing about each other.")]
        return [*(_sentence(row) for row in self.verdict), _moved(self.better, self.worse, self.shared)]


def chat_way(run: EvaluationRun) -> str:
    """The way in which chat searches with the run's settings."""
    return "reranked" if "reranked" in run.results else "hybrid"


def compare(before: EvaluationRun, after: EvaluationRun) -> Comparison:
    """Two evaluations that are DONE, over the questions that both were asked."""
    old = {one["question"]: one["ways"] for one in before.answers}
    shared = [one for one in after.answers if one["question"] in old]
    pairs = [(old[one["question"]], one["ways"]) for one in shared]
    first, second = chat_way(before), chat_way(after)
    ways = [(way, way) for way in before.results if way in after.results and way != second]
    changes = [
        Change(one["question"], one["text"], first_rank(past.get(first)), first_rank(one["ways"].get(second)))
        for one, (past, _now) in zip(shared, pairs, strict=True)
    ]
    return Comparison(
        rows=tuple(
            row
            for one, other in [*ways, (first, second)]
            for name in MEASURES
            if (row := _row(pairs, name, one, other))
        ),
        verdict=tuple(row for name in DECIDE if (row := _row(pairs, name, first, second))),
        better=tuple(one for one in changes if _place(one.after) < _place(one.before)),
        worse=tuple(one for one in changes if _place(one.after) > _place(one.before)),
        shared=len(shared),
    )


def _row(pairs: Sequence[tuple[dict, dict]], measure: str, first: str, second: str) -> Row | None:
    both = [(old[first], new[second]) for old, new in pairs if first in old and second in new]
    if not both:
        return None
    values = [(old["values"][measure], new["values"][measure]) for old, new in both]
    before, after = (sum(each) / len(values) for each in zip(*values, strict=True))
    return Row(second, measure, before, after, chance_of_fall([new - old for old, new in values]))


def first_rank(found: dict[str, Any] | None) -> int | None:
    """The place of the first relevant passage, None where none was found."""
    return min((rank for rank in (found or {}).get("ranks", []) if rank), default=None)


def _place(rank: int | None) -> int:
    return rank or NOWHERE


def _sentence(row: Row) -> str:
    said = {"measure": TITLES.get(row.measure, row.measure), "before": f"{row.before:.3f}", "after": f"{row.after:.3f}"}
    if row.is_worse:
        return _("%(measure)s falls from %(before)s to %(after)s.") % said
    if row.difference < -TOLERANCE:
        return _("%(measure)s goes from %(before)s to %(after)s, which may well be chance.") % said
    if row.difference > TOLERANCE:
        return _("%(measure)s rises from %(before)s to %(after)s.") % said
    return _("%(measure)s stays at %(after)s.") % said


def _moved(better: Sequence[Change], worse: Sequence[Change], shared: int) -> str:
    return ngettext(
        "Of one question, %(better)d is found earlier and %(worse)d later.",
        "Of %(n)d questions, %(better)d are found earlier and %(worse)d later.",
        shared,
    ) % {"n": shared, "better": len(better), "worse": len(worse)}
