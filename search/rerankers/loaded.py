"""The rerankers of this process: each opened once, and shared by its threads."""

from collections.abc import Iterable

from search.held import Held
from search.rerankers import Reranker, RerankError, RerankSettings, open_reranker

AGAIN_SECONDS = 60.0
LOADING = "The reranking model is being loaded; it takes some seconds."

_held: Held[RerankSettings, Reranker] = Held(
    lambda key: open_reranker(key), RerankError, LOADING, again_seconds=AGAIN_SECONDS
)


def loaded(settings: RerankSettings) -> Reranker:
    """The reranker of these settings, opened if it is not yet (a model takes seconds). Raises RerankError."""
    return _held.of(core_of(settings)).using(settings)


def core_of(settings: RerankSettings) -> RerankSettings:
    """What shapes a model in memory and says where it runs: presets that differ in anything else share one.

    Of a model server nothing is in memory but connections, and what was learned of it.
    """
    if settings.engine == "server":
        return settings
    return RerankSettings(settings.engine, settings.model, settings.revision, device=settings.device)


def loaded_soon(settings: RerankSettings) -> Reranker:
    """The same, at once or not at all: it is loaded meanwhile. Raises RerankError, also that of a failed attempt."""
    return _held.soon(core_of(settings)).using(settings)


def let_go(needed: Iterable[RerankSettings]) -> None:
    """Free the memory of the models that none of these settings names."""
    _held.let_go(core_of(settings) for settings in needed)
