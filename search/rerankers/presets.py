"""What a reranking preset and the environment say to an engine."""

from django.conf import settings

from search.models import RerankPreset
from search.presets.server_keys import RERANKING, named_key
from search.rerankers import RerankSettings


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
