"""Begin the generations that settings ask for, put to use what is built, forget what was kept long enough."""

import logging
from collections.abc import Callable

from ingestion.doorbell import ring_for_embedding
from search.embedders import EmbeddingError
from search.generations.current import MAKING, State, lacking, living, outdated, start_wanted
from search.generations.switch import decide, forget_old
from search.models import Index

log = logging.getLogger(__name__)


def start_generations() -> None:
    """One sweep; the embed worker is called while a generation is in the making, or was just gone back to."""
    indexes = living()
    begun = [_try(start_wanted, knowledge_base) for knowledge_base in outdated(indexes)]
    for index in indexes:
        if index.state == State.BUILT:
            _try(decide, index)
    kept = {index.knowledge_base_id for index in indexes if index.state == State.PREVIOUS}
    if kept:
        forget_old()
    making = any(begun) or any(index.state in MAKING or _is_on_trial(index) for index in indexes)
    if making or any(index.knowledge_base_id in kept and is_incomplete(index) for index in indexes):
        ring_for_embedding()


def is_incomplete(index: Index) -> bool:
    """Whether documents came while it did not serve, which it does now."""
    return index.state == State.SERVING and lacking(index).exists()


def _is_on_trial(index: Index) -> bool:
    """Whether it is to be filled for an evaluation."""
    return index.state == State.TRIAL and index.built_at is None


def _try(step: Callable, subject):
    """One knowledge base's trouble is not the others'."""
    try:
        return step(subject)
    except EmbeddingError as error:
        log.warning("%s: %s", subject, error.message)
        return None
