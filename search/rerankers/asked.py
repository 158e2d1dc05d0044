"""What the embed worker does when a web process asks it to rerank."""

from dataclasses import dataclass

import numpy as np
from django.db import connections

from search.models import RerankPreset
from search.rerankers import RerankError
from search.rerankers.loaded import loaded_soon
from search.rerankers.presets import rerank_settings


@dataclass(frozen=True)
class RerankRequest:
    """`model` is the number of a RerankPreset; `seconds` is how long there is still someone who waits."""

    model: str
    question: str
    passages: list[str]
    seconds: float | None = None


def rerank(request: RerankRequest) -> np.ndarray:
    """(n,) scores. Raises RerankError, which passes, while the model is being loaded."""
    engine = loaded_soon(rerank_settings(_preset(request.model)))
    return engine.score(request.question, request.passages, seconds=request.seconds)  # type: ignore[call-arg]


def _preset(key: str) -> RerankPreset:
    """Read anew each time, as an administrator may have changed it."""
    local = RerankPreset.objects.filter(engine=RerankPreset.Engine.CROSS_ENCODER)
    try:
        preset = local.filter(pk=int(key)).first() if key.isdecimal() else None
    finally:
        connections.close_all()  # this thread may never come back
    if preset is None:
        raise RerankError("The embed worker knows no such reranking preset.", permanent=True)
    return preset
