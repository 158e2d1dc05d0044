"""Hold an answer against its passages, with the model of their knowledge base where one answers."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from search import lane
from search.abstain import abstains
from search.derive import lacks_numbers, numbered
from search.embedders import EmbeddingError
from search.models import Index, Preset
from search.passage import Passage
from search.support import Support, supports_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Held:
    """An answer with numbers behind all that a passage bears out, and what supports its sentences.

    `is_answered` is False where there is no text, or where it says that the documents have no answer.
    """

    text: str
    supports: tuple[Support, ...]
    is_answered: bool


def held(answer: str, passages: Sequence[Passage], *, is_kept: bool = True) -> Held:
    """The answer as it is kept, and told to programs; these are not kept waiting where all of it has numbers, and get
    no supports then. May take some seconds."""
    supports = borne_out(answer, passages) if is_kept or lacks_numbers(answer) else ()
    if not answer or abstains(answer, [one.supported for one in supports]):
        return Held(answer, supports, is_answered=False)
    return Held(*numbered(answer, supports), is_answered=True)


def borne_out(answer: str, passages: Sequence[Passage]) -> tuple[Support, ...]:
    """What supports each sentence; by words alone where no model is there or none answers. May take some seconds."""
    preset = _preset_of(passages)
    if preset is None:
        return supports_of(answer, passages)
    try:
        return supports_of(answer, passages, lambda texts: lane.embed_texts(preset, texts))
    except EmbeddingError as error:
        log.info("An answer was held against its passages by words alone: %s", error)
        return supports_of(answer, passages)


def _preset_of(passages: Sequence[Passage]) -> Preset | None:
    """That of the knowledge base of the first passage that has one."""
    serving = Index.objects.filter(state=Index.State.SERVING).select_related("preset")
    known = {index.knowledge_base_id: index.preset for index in serving.filter(knowledge_base__in=_bases(passages))}
    return next((known[one.knowledge_base_id] for one in passages if one.knowledge_base_id in known), None)


def _bases(passages: Sequence[Passage]) -> set:
    return {passage.knowledge_base_id for passage in passages}
