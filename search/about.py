"""Say which documents a question is about, and why: which of their passages are nearest to it."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kb.models import Chunk, Document, KnowledgeBase
from search import lane, vectors
from search.cite import marks_of
from search.embedders import EmbeddingError
from search.models import Index
from search.passage import Passage
from search.route import DocumentHit, documents_about
from search.vectors import shorten

log = logging.getLogger(__name__)

SHOWN = 5
FAR_BEHIND = 0.8  # of the first document's similarity: what is farther off is not shown beside it
REASONS = 2  # passages a document
MOST_PASSAGES = 1000  # of a document that are compared, from its beginning


@dataclass(frozen=True)
class About:
    """A document as a whole, the cosine of its text to the question, its place, and its nearest passages."""

    document: Document
    similarity: float
    rank: int
    reasons: tuple[Passage, ...]


def about(question: str, *, knowledge_bases: Iterable[KnowledgeBase], limit: int = SHOWN) -> list[About]:
    """At most `limit` documents of these knowledge bases, which the caller has found the reader to be allowed to read.

    The nearest first, without those far behind it; superseded versions after the others. Empty where the embedding
    model does not answer, or no document has a vector of its whole text yet.
    """
    serving = Index.objects.filter(
        knowledge_base__in=[one.pk for one in knowledge_bases], knowledge_base__deleted_at=None,
        state=Index.State.SERVING,
    )  # fmt: skip
    indexes = {index.knowledge_base_id: index for index in serving.select_related("preset").order_by("pk")}
    question = question.strip()
    if not (indexes and question and limit):
        return []
    try:
        hits = _near_the_first(documents_about(question, list(indexes.values()), limit))
        documents = _documents(hits, indexes)
        found = [_about(question, hit, documents, indexes) for hit in hits if hit.document_id in documents]
    except EmbeddingError as error:
        log.warning("No documents can be found by meaning: %s", error.message)
        return []
    return sorted(found, key=lambda one: (one.document.superseded_by_id is not None, one.rank))


def _near_the_first(hits: Sequence[DocumentHit]) -> list[DocumentHit]:
    least = FAR_BEHIND * max((hit.similarity for hit in hits), default=0.0)
    return [hit for hit in hits if hit.similarity > 0 and hit.similarity >= least]


def _documents(hits: Sequence[DocumentHit], indexes: dict) -> dict:
    """Rights and deletions are decided by the database, here again."""
    keys = [hit.document_id for hit in hits]
    documents = Document.objects.filter(pk__in=keys, knowledge_base__in=list(indexes), deleted_at=None)
    return {document.pk: document for document in documents.select_related("knowledge_base")}


def _about(question: str, hit: DocumentHit, documents: dict, indexes: dict) -> About:
    document = documents[hit.document_id]
    index = indexes[document.knowledge_base_id]
    vector = lane.embed_query(index.preset, question, index.query_instruction)  # asked for before, and remembered
    return About(document, hit.similarity, hit.rank, tuple(_reasons(question, vector, document, index)))


def _reasons(question: str, vector: np.ndarray, document: Document, index: Index) -> list[Passage]:
    pairs = list(
        Chunk.objects.filter(document=document, chunking=index.chunking_id)
        .order_by("ordinal")
        .values_list("pk", "digest")[:MOST_PASSAGES]
    )
    keys, matrix = vectors.of_chunks(index, pairs)
    similarities = matrix @ shorten(vector[None, :], index.dimension)[0]
    best = [(keys[row], float(similarities[row])) for row in np.argsort(-similarities, kind="stable")[:REASONS]]
    chunks = Chunk.objects.in_bulk([key for key, _ in best])
    return [_passage(question, chunks[key], document, similarity) for key, similarity in best if key in chunks]


def _passage(question: str, chunk: Chunk, document: Document, similarity: float) -> Passage:
    passage = Passage(
        chunk_id=chunk.pk, document_id=document.pk, knowledge_base_id=document.knowledge_base_id,
        title=document.title, text=chunk.text, start=chunk.start, end=chunk.end,
        heading_path=tuple(chunk.heading_path), page=chunk.page, similarity=similarity, score=similarity,
    )  # fmt: skip
    return replace(passage, marks=marks_of(passage, [question]))
