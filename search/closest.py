"""Name the documents that come closest to a question that nothing answers."""

import logging
from collections.abc import Iterable, Sequence
from uuid import UUID

from kb.access import documents_in
from kb.models import Document, KnowledgeBase
from search.coverage import coverage
from search.embedders import EmbeddingError
from search.fuse import Ranking, fuse, places_of
from search.models import Index
from search.passage import Passage
from search.route import documents_about
from search.signs import LEAST_READ

log = logging.getLogger(__name__)

SHOWN = 5


def closest_documents(
    question: str, passages: Sequence[Passage], *, knowledge_bases: Iterable[KnowledgeBase]
) -> list[Document]:
    """At most five of these knowledge bases, which the caller has found the reader to be allowed to read.

    Those of the nearest passages and those that are about the question as wholes, fused; superseded versions last.
    """
    bases = list(knowledge_bases)
    near = {"passages": list(dict.fromkeys(one.document_id for one in passages)), "documents": _about(question, bases)}
    fused = fuse({name: Ranking.at(places_of(found)) for name, found in near.items()})
    found = living([one.item for one in fused], knowledge_bases=bases)
    return sorted(found[:SHOWN], key=lambda document: document.superseded_by_id is not None)


def living(keys: Sequence[UUID], *, knowledge_bases: Iterable[KnowledgeBase]) -> list[Document]:
    """The documents of these keys, in their order: those that are there, in these knowledge bases."""
    found = documents_in(knowledge_bases).select_related("knowledge_base").in_bulk(list(keys))
    return [found[key] for key in keys if key in found]


def _about(question: str, knowledge_bases: Sequence[KnowledgeBase]) -> list[UUID]:
    """By the vectors of whole texts, of models that read the question; none where they do not answer."""
    serving = Index.objects.filter(knowledge_base__in=knowledge_bases, state=Index.State.SERVING)
    indexes = [one for one in serving.select_related("preset") if coverage(one.preset, question) >= LEAST_READ]
    try:
        return [hit.document_id for hit in documents_about(question, indexes, SHOWN)]
    except EmbeddingError as error:
        log.warning("No documents can be found by meaning: %s", error.message)
        return []
