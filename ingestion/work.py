"""Texts that lack a vector: which they are, in what batches they are embedded, and that what is made is kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from ingestion.reads import embed_counted
from ingestion.rows import chunks_of
from kb.models import Chunk, Document
from search import vectors
from search.embedders import Embedder, EmbeddingError
from search.embedders.loaded import loaded
from search.models import Index, Preset
from search.presets.chosen import settle

ROUND_SECONDS = 6.0  # of embedding, before it is looked for more urgent work
FEWEST, MOST, AT_FIRST = 32, 4096, 128  # chunks in a round
PLAIN_TEXT = "The train leaves at nine."  # which every engine takes that takes anything


@dataclass(frozen=True)
class Work:
    """A text to embed: its digest, its length in tokens, and a chunk that has it."""

    chunk_id: int
    digest: str
    tokens: int
    document_id: UUID


class Pace:
    """How many chunks fill a round, by what the last one took."""

    def __init__(self) -> None:
        self.chunks = AT_FIRST

    def took(self, chunks: int, seconds: float) -> None:
        if chunks >= FEWEST:
            self.chunks = round(min(MOST, max(FEWEST, chunks / max(seconds, 0.01) * ROUND_SECONDS)))


_paces: dict[int, Pace] = {}


def pace_of(preset: Preset) -> Pace:
    """The pace of this preset in this process."""
    return _paces.setdefault(preset.pk, Pace())


def cut_for(index: Index, documents: Sequence[Document]) -> None:
    """Cut documents that have no chunks of this index's way yet, from their sections."""
    have = set(chunks_in(index, documents).order_by().values_list("document", flat=True).distinct())
    for document in documents:
        if document.pk not in have:
            sections = list(document.sections.all())
            _keep_cut(index, document, sections, chunks_of(document, sections, index.preset, index.chunking))


def _keep_cut(index: Index, document: Document, sections: list, rows: list[Chunk]) -> None:
    """Unless another worker did, or the document was read anew meanwhile and these are of its old text."""
    with transaction.atomic():
        there = Document.objects.select_for_update().filter(pk=document.pk, deleted_at=None).first()
        same = there and sections and there.sections.filter(pk=sections[-1].pk).exists()
        if same and not chunks_in(index, [document]).exists():
            Chunk.objects.bulk_create(rows, batch_size=500)


def chunks_in(index: Index, documents: Sequence[Document]) -> QuerySet[Chunk]:
    """These documents' chunks, cut as the index wants them."""
    return Chunk.objects.filter(document__in=[document.pk for document in documents], chunking=index.chunking_id)


def missing(index: Index, documents: Sequence[Document], limit: int) -> list[Work]:
    """Texts to embed, each once, shortest first: about `limit`, an equal share of each document, two at the least."""
    share = max(2, limit // max(1, len(documents)))
    return shortest_first(item for document in documents for item in missing_of(index, document, share))


def missing_of(index: Index, document: Document, limit: int) -> list[Work]:
    """The first texts of a document that have no vector, at most so many."""
    rows = vectors.without_vector(chunks_in(index, [document]), index.preset).order_by("ordinal")
    return [Work(*row, document.pk) for row in rows.values_list("pk", "digest", "tokens")[:limit]]


def missing_among(index: Index, documents: Sequence[Document], limit: int) -> list[Work]:
    """The first texts, document by document in the order of their keys, that have no vector: at most so many."""
    rows = vectors.without_vector(chunks_in(index, documents), index.preset).order_by("document_id", "ordinal")
    return [Work(*row) for row in rows.values_list("pk", "digest", "tokens", "document")[:limit]]


def shortest_first(work) -> list[Work]:
    """Each text once, by length."""
    once: dict[str, Work] = {}
    for item in work:
        once.setdefault(item.digest, item)
    return sorted(once.values(), key=lambda item: (item.tokens, item.chunk_id))


def batches(work: Sequence[Work], budget: int) -> Iterator[list[Work]]:
    """Cut work, sorted by length, so that no batch padded to its longest text has more than `budget` tokens."""
    batch: list[Work] = []
    for item in work:
        if batch and (len(batch) + 1) * item.tokens > budget:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def batch_tokens(preset: Preset) -> int:
    """How many tokens, padding included, go through the model at once."""
    from search.embedders.local import default_batch_tokens

    return preset.batch_tokens or settings.KB_BATCH_TOKENS or default_batch_tokens()


def embed(preset: Preset, batch: list[Work]) -> None:
    """Embed a batch and keep the vectors at once: what is done survives whatever comes. Raises EmbeddingError."""
    chunks = Chunk.objects.select_related("document").in_bulk([item.chunk_id for item in batch])
    there = [item for item in batch if item.chunk_id in chunks]  # the rest was deleted meanwhile
    if not there:
        return
    texts = [chunks[item.chunk_id].embedded_text for item in there]
    matrix, reads = embed_counted(loaded(preset), preset, texts, [item.tokens for item in there])
    vectors.store(preset, [item.digest for item in there], matrix, reads)


def embed_apart(preset: Preset, batch: list[Work]) -> list[tuple[Work, EmbeddingError]]:
    """The same, where a text that the engine refuses does not take others with it: returns those, with the reason.

    Raises EmbeddingError where the engine is away or wrongly set up: no text is at fault then.
    """
    settle(preset)
    embedder = loaded(preset)
    try:
        embed(preset, batch)
    except EmbeddingError as error:
        must_be_the_texts(embedder, error)
        return _halves(preset, batch, error)
    return []


def must_be_the_texts(embedder: Embedder, error: EmbeddingError) -> None:
    """Raises the error again unless these texts may be its reason: an engine that takes no other is itself at fault."""
    if not error.refuses_text:
        raise error
    try:
        embedder.embed_documents([PLAIN_TEXT])
    except EmbeddingError:
        raise error from None


def _halves(preset: Preset, batch: list[Work], error: EmbeddingError) -> list[tuple[Work, EmbeddingError]]:
    """Each half by itself, down to the texts that are refused."""
    if len(batch) == 1:
        return [(batch[0], error)]
    half = len(batch) // 2
    return _kept(preset, batch[:half]) + _kept(preset, batch[half:])


def _kept(preset: Preset, batch: list[Work]) -> list[tuple[Work, EmbeddingError]]:
    try:
        embed(preset, batch)
    except EmbeddingError as error:
        if not error.refuses_text:
            raise
        return _halves(preset, batch, error)
    return []
