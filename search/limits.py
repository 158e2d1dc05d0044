"""The limits below which nothing answers a question, as they hold for an index."""

from search.answerable import KINDS, USUAL, Limits, limits_by_hand
from search.models import AnswerFit, Index, SearchSettings
from search.settings.tuning import settings_for

Chosen = SearchSettings.AnswerLimits


def limits_of(index: Index | None) -> Limits:
    """Those by which passages of this index are judged: as its knowledge base's settings say."""
    return USUAL if index is None else limits_by(settings_for(index.knowledge_base), fit_of(index))


def limits_by(settings: SearchSettings, fitted: AnswerFit | None) -> Limits:
    """What these settings, saved or not, say; where there is no fit (yet), the usual limits stand for it."""
    if settings.answer_limits == Chosen.BY_HAND:
        return limits_by_hand(settings.strictness)
    if settings.answer_limits == Chosen.USUAL or fitted is None:
        return USUAL
    return Limits(**{kind: getattr(fitted, kind) for kind in KINDS})


def fit_of(index: Index) -> AnswerFit | None:
    """What was fitted to it, without what was observed for that."""
    return AnswerFit.objects.filter(index=index).defer("observed").first()
