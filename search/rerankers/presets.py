"""What a reranking preset and the environment say to an engine."""

from django.conf import settings

from kb.env import env
from search.models import RerankPreset
from search.rerankers import RerankSettings


def rerank_settings(preset: RerankPreset) -> RerankSettings:
    """What the engine must know."""
    return RerankSettings(
        engine=preset.engine,
        model=preset.model,
        revision=preset.revision,
        instruction=preset.instruction,
        max_tokens=preset.max_tokens,
        url=preset.url,
        api_key=env("KB_RERANK_API_KEY"),
        device=settings.KB_DEVICE,
        seconds=settings.KB_RERANK_SECONDS,
    )
