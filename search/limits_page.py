"""What the pages say of the limits of answering: where they come from, and what they cost."""

from dataclasses import asdict, dataclass
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from kb.models import KnowledgeBase
from search.answerable import KINDS, USUAL, Kind, Limits
from search.evaluation.answer_fits import observed_for
from search.evaluation.fit import FEWEST, Cost, cost_at, cost_of, strengths
from search.limits import Chosen, limits_by
from search.models import AnswerFit, Index, SearchSettings
from search.settings.tuning import settings_for


def kind_name(kind: str) -> str:
    """What signs of this kind go by."""
    names = {
        "meaning": _("by meaning and words"),
        "words": _("by words alone"),
        "pairs": _("by words alone, in Chinese, Japanese or Korean"),
    }
    return names[kind]


@dataclass(frozen=True)
class Line:
    """A kind of signs: its usual limit and the one in use, and what both cost of the questions with such signs."""

    kind: Kind
    usual: float
    used: float
    before: Cost
    after: Cost

    @property
    def name(self) -> str:
        return kind_name(self.kind)

    @property
    def is_known(self) -> bool:
        """Whether there are enough questions to fit this limit to."""
        return min(self.before.answerable, self.before.foreign) >= FEWEST


@dataclass(frozen=True)
class LimitsInUse:
    """The limits by which a knowledge base is answered, or would be; what is known of their cost."""

    settings: SearchSettings
    limits: Limits
    fitted: AnswerFit | None
    before: Cost
    after: Cost
    lines: tuple[Line, ...]

    @property
    def source(self) -> str:
        """Where they come from, as a sentence."""
        if self.settings.answer_limits == Chosen.BY_HAND:
            said = _("The limits are set by hand: at %(n)d, from -100 (answers sooner) to 100 (refuses sooner).")
            return said % {"n": self.settings.strictness}
        if self.settings.answer_limits == Chosen.USUAL:
            return _("The usual limits are in use, as the search settings say.")
        return self._of_fit()

    def _of_fit(self) -> str:
        if self.fitted is None:
            said = _(
                "The usual limits are in use. When all saved questions are evaluated, they are fitted to this "
                "knowledge base, so long as the right passages of %(n)d questions are found."
            )
            return said % {"n": FEWEST}
        when = date_format(localtime(self.fitted.fitted_at), "SHORT_DATE_FORMAT")
        known = {"when": when, "answerable": self.before.answerable, "foreign": self.before.foreign}
        said = _(
            "The limits in use were fitted on %(when)s, to %(answerable)d saved questions whose passages are found and "
            "to %(foreign)d that nothing here answers."
        )
        if self.limits == USUAL:
            said = _(
                "The usual limits are in use: the evaluation of %(when)s, with %(answerable)d saved questions whose "
                "passages are found and %(foreign)d that nothing here answers, gave no reason for others."
            )
        return said % known

    @property
    def effect(self) -> str:
        """What they do to the questions that were evaluated."""
        if self.fitted is None:
            return _("What that does is shown once all saved questions are evaluated.")
        return _(
            "Refused wrongly, of %(answerable)d saved questions whose passages are found: %(refused)d (by the usual "
            "limits %(refused_before)d). Answered wrongly, of %(foreign)d that nothing here answers: %(answered)d (by "
            "the usual limits %(answered_before)d)."
        ) % {
            **asdict(self.after), "refused_before": self.before.refused, "answered_before": self.before.answered,
        }  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """For the API."""
        costs = {"usual_limits": asdict(self.before), "these_limits": asdict(self.after)} if self.fitted else {}
        fitted_at = self.fitted.fitted_at if self.fitted else None
        return {**asdict(self.limits), "fitted_at": fitted_at, "cost": costs}


def limits_in_use(knowledge_base: KnowledgeBase, settings: SearchSettings | None = None) -> LimitsInUse:
    """Those of the serving index; as they would be by these settings, where some are given."""
    settings = settings or settings_for(knowledge_base)
    serving = Index.objects.filter(knowledge_base=knowledge_base, state=Index.State.SERVING)
    fitted = AnswerFit.objects.filter(index__in=serving).first()
    limits, observed = limits_by(settings, fitted), observed_for(fitted) if fitted else []
    lines = []
    for kind in KINDS:
        seen, usual, used = strengths(observed, kind), getattr(USUAL, kind), getattr(limits, kind)
        if any(seen):
            lines.append(Line(kind, usual, used, cost_at(*seen, usual), cost_at(*seen, used)))
    return LimitsInUse(settings, limits, fitted, cost_of(observed, USUAL), cost_of(observed, limits), tuple(lines))
