"""Hold an answer against its passages, with the model of their knowledge base where one answers."""

import logging
from collections.abc import Sequence

from search import lane
from search.embedders import EmbeddingError
from search.models import Index, Preset
from search.passage import Passage
from search.support import Support, supports_of

log = logging.getLogger(__name__)


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
