"""What reranking presets and the environment say to engines."""

from django.conf import settings

from search.models import EvaluationRun, RerankPreset, SearchSettings
from search.presets.server_keys import RERANKING, named_key
from search.rerankers import RerankSettings

UNFINISHED = (EvaluationRun.State.QUEUED, EvaluationRun.State.RUNNING)


def rerank_settings(preset: RerankPreset) -> RerankSettings:
    """What the engine must know; the key, where the preset is that of a server."""
    is_served = preset.engine == RerankPreset.Engine.SERVER
    return RerankSettings(
        engine=preset.engine,
        model=preset.model,
        revision=preset.revision,
        instruction=preset.instruction,
        max_tokens=preset.max_tokens,
        url=preset.url,
        api_key=named_key(preset.api_key_variable, RERANKING) if is_served else "",
        device=settings.KB_DEVICE,
        seconds=settings.KB_RERANK_SECONDS,
    )


def default_reranker() -> RerankPreset | None:
    """The one that is meant where none is named: the first, where there is one."""
    return RerankPreset.objects.first()


def settings_in_use() -> list[RerankSettings]:
    """Of the embed worker's presets: those of knowledge bases, of evaluations not finished, and the default."""
    bases = SearchSettings.objects.filter(knowledge_base__deleted_at=None).values_list("rerank", flat=True)
    runs = EvaluationRun.objects.filter(state__in=UNFINISHED).values_list("tuning__rerank", flat=True)
    default = default_reranker()
    used = {*bases, *runs, default.pk if default else None} - {None}
    local = RerankPreset.objects.filter(engine=RerankPreset.Engine.CROSS_ENCODER, pk__in=used)
    return [rerank_settings(preset) for preset in local]
