"""How a question is searched: the numbers that a knowledge base's settings may change."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

from kb.models import KnowledgeBase
from search.models import SearchSettings


@dataclass(frozen=True)
class Tuning:
    """What takes effect with the next question; search.models.SearchSettings says what each means.

    `rerank` is the key of a RerankPreset, or None.
    """

    rescore: bool = False
    candidates: int = 100
    rank_constant: int = 5
    vector_weight: float = 0.5
    document_weight: float = 0.0
    passages_a_document: int = 3
    fold: bool = True
    rerank: int | None = None
    rerank_candidates: int = 30
    superseded_last: bool = True

    def as_json(self) -> dict[str, Any]:
        """For EvaluationRun.tuning."""
        return asdict(self)


def settings_for(knowledge_base: KnowledgeBase) -> SearchSettings:
    """The knowledge base's settings; the defaults, not saved, where it has none."""
    found = SearchSettings.objects.filter(knowledge_base=knowledge_base).select_related("preset", "rerank").first()
    return found or SearchSettings(knowledge_base=knowledge_base)


def tuning_of(settings: SearchSettings) -> Tuning:
    """What these settings, saved or not, say of a search."""
    values = {one.name: getattr(settings, one.name) for one in fields(Tuning) if one.name != "rerank"}
    return Tuning(**values, rerank=settings.rerank_id)


def tunings_of(knowledge_bases: Collection[UUID], tuning: Tuning | None = None) -> dict[UUID, Tuning]:
    """How each of these knowledge bases is searched: as it is set, or all in the given way."""
    if tuning is not None:
        return dict.fromkeys(knowledge_bases, tuning)
    found = SearchSettings.objects.filter(knowledge_base__in=knowledge_bases)
    return dict.fromkeys(knowledge_bases, Tuning()) | {one.knowledge_base_id: tuning_of(one) for one in found}


def tuning_from(values: dict[str, Any]) -> Tuning:
    """What EvaluationRun.tuning says; what it does not name has its default."""
    known = {one.name for one in fields(Tuning)}
    return Tuning(**{name: value for name, value in values.items() if name in known})
