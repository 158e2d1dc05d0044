"""Fill in the missing vectors, across documents, and make the documents findable."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from ingestion import lease
from ingestion.reads import embed_counted
from ingestion.rows import chunks_of
from ingestion.whole import embed_whole
from kb.models import Chunk, Document
from search import vectors
from search.embedders import EmbeddingError
from search.embedders.loaded import loaded
from search.generations import filled_indexes, lacking, switch_to
from search.keywords import KeywordError
from search.models import Index, IndexedDocument, Preset
from search.place import place

log = logging.getLogger(__name__)

DOCUMENTS_AT_ONCE = 200
ROUND_SECONDS = 6.0  # of embedding, shared among the documents at work: a large one does not hold up small ones, and
# one that is uploaded meanwhile joins in the next round
FEWEST, MOST, AT_FIRST = 32, 4096, 128  # chunks in a round
PLACE_EVERY = 2.0  # seconds: finished documents wait at most so long for their place in the index
Status, Stage = Document.Status, Document.Stage


@dataclass(frozen=True)
class Work:
    """A text to embed: its digest, its length in tokens, and a chunk that has it."""

    chunk_id: int
    digest: str
    tokens: int
    document_id: object


def embed_missing(stopping: Callable[[], bool] = lambda: False) -> None:
    """Work until nothing is missing, or until told to stop; then every lease is given back."""
    worker = lease.new_worker()
    with lease.kept(worker):
        try:
            _work(worker, stopping)
        except (EmbeddingError, KeywordError) as error:  # an engine is away: no document is at fault
            lease.release(Q(), worker, attempt=0, error=getattr(error, "message", str(error)))
            raise
        except Exception:
            _count_against(worker)
            raise
        lease.release(Q(), worker, attempt=F("attempt") - 1)  # told to stop: that was no attempt


def _work(worker: str, stopping: Callable[[], bool]) -> None:
    while not stopping():
        documents = _take(worker)
        if documents:
            Round(worker, documents, stopping).run()
        elif not build_next(stopping) and not embed_whole(stopping):
            break


def _count_against(worker: str) -> None:
    """Something unforeseen happened: what was alone with it as often as allowed has FAILED, the rest waits."""
    last_time = Q(attempt__gte=settings.KB_MAX_ATTEMPTS * 2)
    lease.held_by(worker).filter(last_time).order_by().update(
        status=Status.FAILED, error=_("Something unforeseen happened; the log of the worker says what."), worker="",
        lease_until=None,
    )  # fmt: skip
    lease.release(Q(), worker)


def _take(worker: str) -> list[Document]:
    """The documents at work: those held and, up to a bound, the oldest queued ones.

    A document under which the worker died as often as attempts are allowed is taken alone: if it is at fault,
    no other suffers, and after as many deaths again it has FAILED (see reconcile).
    """
    held = lease.held_by(worker).count()
    waiting = Document.objects.filter(status=Status.QUEUED, stage=Stage.EMBEDDING, deleted_at=None)
    waiting = waiting.order_by("created_at", "pk")
    calm = waiting.filter(attempt__lt=settings.KB_MAX_ATTEMPTS)
    chosen = list(calm.values_list("pk", flat=True)[: DOCUMENTS_AT_ONCE - held])
    if not chosen and not held:
        chosen = list(waiting.values_list("pk", flat=True)[:1])
    if chosen:
        lease.claim(Q(pk__in=chosen), worker)
    return list(lease.held_by(worker).select_related("knowledge_base"))


class Pace:
    """How many chunks fill a round, by what the last one took."""

    def __init__(self) -> None:
        self.chunks = AT_FIRST

    def took(self, chunks: int, seconds: float) -> None:
        if chunks >= FEWEST:
            self.chunks = round(min(MOST, max(FEWEST, chunks / max(seconds, 0.01) * ROUND_SECONDS)))


_pace = Pace()


class Round:
    """One round over the documents at work: a share of each one's missing chunks is embedded."""

    def __init__(self, worker: str, documents: list[Document], stopping: Callable[[], bool]) -> None:
        self.worker, self.stopping = worker, stopping
        self.documents = {document.pk: document for document in documents}
        self.groups = list(_by_index(documents))
        self.placed_at = time.monotonic()

    def run(self) -> None:
        for index, documents in self.groups:
            try:
                begun, work = time.monotonic(), missing(index, documents, _pace.chunks)
                for batch in batches(work, batch_tokens()):
                    if self.stopping():
                        return
                    embed(index.preset, batch)
                    self._now_and_then()
                _pace.took(len(work), time.monotonic() - begun)
            except EmbeddingError as error:
                self._embedding_failed(documents, error)
                return
        self._show_progress()

    def _now_and_then(self) -> None:
        if time.monotonic() - self.placed_at >= PLACE_EVERY:
            self._show_progress()
            self.placed_at = time.monotonic()

    def _show_progress(self) -> None:
        """Write "n of m" to every document at work; what misses nothing goes into its indexes and is READY."""
        left: dict = defaultdict(int)
        for index, documents in self.groups:
            for pk, count in _missing_counts(index, documents):
                left[pk] += count
        for document in self.documents.values():
            done = max(0, document.progress_total - left[document.pk])
            if left[document.pk] and done != document.progress:
                lease.held_by(self.worker).filter(pk=document.pk).order_by().update(progress=done)
                document.progress = done
        self._finish({pk for pk in self.documents if not left[pk]})

    def _finish(self, finished: set) -> None:
        for index, documents in self.groups:
            group = [document for document in documents if document.pk in finished]
            if group:
                place(index, group)
        for pk in finished:
            self._ready(self.documents.pop(pk))
        self.groups = [
            (index, [document for document in documents if document.pk not in finished])
            for index, documents in self.groups
        ]

    def _ready(self, document: Document) -> None:
        """A document that was cancelled or deleted meanwhile is not made ready; its places are taken back."""
        try:
            lease.write(
                document, self.worker, status=Status.READY, ready_at=timezone.now(), progress=document.progress_total,
                worker="", lease_until=None, error="",
            )  # fmt: skip
        except lease.LeaseLost:
            IndexedDocument.objects.filter(document=document.pk).delete()

    def _embedding_failed(self, documents: list[Document], error: EmbeddingError) -> None:
        """What will never work is FAILED; what may work later waits in the queue, with the sentence shown."""
        mine = Q(pk__in=[document.pk for document in documents])
        if error.permanent:
            lease.held_by(self.worker).filter(mine).order_by().update(
                status=Status.FAILED, error=error.message, worker="", lease_until=None
            )
            return
        lease.release(mine, self.worker, error=error.message, attempt=0)
        raise error


def _by_index(documents: list[Document]) -> Iterator[tuple[Index, list[Document]]]:
    """The documents by the indexes they go into, cut as each index wants them."""
    groups = defaultdict(list)
    for document in documents:
        groups[document.knowledge_base].append(document)
    for knowledge_base, group in groups.items():
        for index in filled_indexes(knowledge_base):
            cut_for(index, group)
            yield index, list(group)


def _missing_counts(index: Index, documents: Sequence[Document]):
    """(document, how many of its chunks have no vector) for those that lack some."""
    rows = vectors.without_vector(_chunks(index, documents), index.preset).order_by()
    return rows.values_list("document").annotate(Count("pk"))


def cut_for(index: Index, documents: Sequence[Document]) -> None:
    """Cut documents that have no chunks of this index's way yet, from their sections."""
    have = set(_chunks(index, documents).order_by().values_list("document", flat=True).distinct())
    for document in documents:
        if document.pk not in have:
            rows = chunks_of(document, list(document.sections.all()), index.preset, index.chunking)
            with transaction.atomic():
                if not _chunks(index, [document]).exists():
                    Chunk.objects.bulk_create(rows, batch_size=500)


def _chunks(index: Index, documents: Sequence[Document]):
    return Chunk.objects.filter(document__in=[document.pk for document in documents], chunking=index.chunking_id)


def missing(index: Index, documents: Sequence[Document], limit: int) -> list[Work]:
    """Texts to embed, each once, shortest first: about `limit`, an equal share of each document, two at the least."""
    share = max(2, limit // max(1, len(documents)))
    work: dict[str, Work] = {}
    for document in documents:
        rows = vectors.without_vector(_chunks(index, [document]), index.preset).order_by("ordinal")
        for pk, digest, tokens in rows.values_list("pk", "digest", "tokens")[:share]:
            work.setdefault(digest, Work(pk, digest, tokens, document.pk))
    return sorted(work.values(), key=lambda item: (item.tokens, item.chunk_id))


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


def batch_tokens() -> int:
    """How many tokens, padding included, go through the model at once."""
    from search.embedders.local import default_batch_tokens

    return settings.KB_BATCH_TOKENS or default_batch_tokens()


def embed(preset: Preset, batch: list[Work]) -> None:
    """Embed a batch and keep the vectors at once: what is done survives whatever comes. Raises EmbeddingError."""
    chunks = Chunk.objects.select_related("document").in_bulk([item.chunk_id for item in batch])
    there = [item for item in batch if item.chunk_id in chunks]  # the rest was deleted meanwhile
    if not there:
        return
    texts = [chunks[item.chunk_id].embedded_text for item in there]
    matrix, reads = embed_counted(loaded(preset), preset, texts, [item.tokens for item in there])
    vectors.store(preset, [item.digest for item in there], matrix, reads)


def build_next(stopping: Callable[[], bool]) -> bool:
    """Bring the oldest generation that is being built a step on; False if there is none with work."""
    for index in Index.objects.filter(state=Index.State.BUILDING, knowledge_base__deleted_at=None).select_related(
        "preset", "chunking", "knowledge_base"
    ):
        documents = list(lacking(index)[:20])
        if not documents:
            if switch_to(index):
                return True
            continue
        cut_for(index, documents)
        while work := missing(index, documents, _pace.chunks):
            for batch in batches(work, batch_tokens()):
                if stopping():
                    return True
                embed(index.preset, batch)
        place(index, documents)
        return True
    return False


_stop = threading.Event()


def stop() -> None:
    """Ask the loop to stop after the batch at hand."""
    _stop.set()


def stopping() -> bool:
    """Whether the worker was asked to stop."""
    return _stop.is_set()
