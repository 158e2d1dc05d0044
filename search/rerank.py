"""Order a question's best candidates by a model that reads question and passage together."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import numpy as np
from django.utils.translation import gettext_lazy as _

from kb.acting import about
from kb.calls import recording
from kb.kept import Kept
from kb.models import Call
from search.lane import lane_url
from search.models import RerankPreset
from search.passage import Passage
from search.rerankers import RerankError, RerankSettings
from search.rerankers.presets import rerank_settings
from search.rerankers.server import ServerReranker
from search.settings.tuning import Tuning

log = logging.getLogger(__name__)
RERANK_AWAY = _("The passages were not reranked: %(reason)s")
REST_SECONDS = 20.0  # a reranker that failed is left alone, so that it delays one question and not all of them


def rerank(
    question: str, passages: Sequence[Passage], tunings: Mapping[UUID, Tuning]
) -> tuple[list[Passage], list[str]]:
    """The passages, the best of each knowledge base in its model's order; and notes, where a model is away.

    Scores of two models, and of a model and a fusion, cannot be compared: passages that a model has read change places
    among themselves alone.
    """
    ordered, notes = list(passages), []
    for preset in RerankPreset.objects.filter(pk__in={tuning.rerank for tuning in tunings.values() if tuning.rerank}):
        slots = _slots(preset, ordered, tunings)
        try:
            with about(ordered[slot].knowledge_base_id for slot in slots):
                found = scores(preset, question, [ordered[slot].read_text for slot in slots])
        except RerankError as error:
            notes.append(str(RERANK_AWAY % {"reason": error.message}))
            continue
        best = sorted(range(len(slots)), key=lambda place: (-found[place], place))
        changed = [replace(ordered[slots[place]], rerank_score=float(found[place])) for place in best]
        for slot, passage in zip(slots, changed, strict=True):
            ordered[slot] = passage
    return ordered, notes


def _slots(preset: RerankPreset, passages: Sequence[Passage], tunings: Mapping[UUID, Tuning]) -> list[int]:
    """The places of the passages that this model reads: the first ones of the knowledge bases that ask for it."""
    asking = {pk: tuning for pk, tuning in tunings.items() if tuning.rerank == preset.pk}
    most = max(tuning.rerank_candidates for tuning in asking.values())
    return [place for place, passage in enumerate(passages) if passage.knowledge_base_id in asking][:most]


def scores(preset: RerankPreset, question: str, passages: Sequence[str]) -> np.ndarray:
    """(n,) float32, the higher the better: by the embed worker's model, or a server's. Raises RerankError.

    After a failure the preset rests for a while and refuses at once.
    """
    chosen = _reached(preset)
    if time.monotonic() < _resting.get(chosen, 0.0):
        raise RerankError(str(_("The reranking model failed a moment ago and is left alone for some seconds.")))
    try:
        return scores_now(preset, question, passages)
    except RerankError as error:
        log.warning("Reranking with %s: %s", preset, error.message)
        _resting[chosen] = time.monotonic() + REST_SECONDS
        raise


def scores_now(preset: RerankPreset, question: str, passages: Sequence[str]) -> np.ndarray:
    """The same for someone who tries the preset: it is asked whatever happened before."""
    with recording(Call.Kind.RERANK, model=preset.model, inputs=len(passages)) as call:
        call.note_text(question, *passages)
        return _engines.of(_reached(preset)).score(question, passages)


def _reached(preset: RerankPreset) -> RerankSettings:
    """How this process reaches the model: no process but the embed worker loads one."""
    chosen = rerank_settings(preset)
    if preset.engine == RerankPreset.Engine.SERVER:
        return chosen
    return RerankSettings("server", str(preset.pk), url=f"{lane_url()}/rerank", seconds=chosen.seconds)


_resting: dict[RerankSettings, float] = {}
_engines: Kept[RerankSettings, ServerReranker] = Kept(ServerReranker)
