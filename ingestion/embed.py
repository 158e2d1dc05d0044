"""Fill in the missing vectors, across documents, and make the documents findable."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from django.conf import settings
from django.db.models import Count, F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from ingestion import lease
from ingestion.build import build_next, build_trials
from ingestion.meter import spent
from ingestion.rest import Rest
from ingestion.whole import embed_whole
from ingestion.work import Work, batch_tokens, batches, chunks_in, cut_for, embed_apart, missing, pace_of
from kb.acting import about
from kb.models import Chunk, Document
from search import vectors
from search.embedders import EmbeddingError
from search.embedders import loaded as embedders
from search.generations.current import serving_index, used_presets
from search.keywords import KeywordError
from search.models import Index, IndexedDocument
from search.place import place
from search.rerankers import loaded as rerankers
from search.rerankers.presets import settings_in_use

log = logging.getLogger(__name__)

DOCUMENTS_AT_ONCE = 200
PLACE_EVERY = 2.0  # seconds: finished documents wait at most so long for their place in the index
Status, Stage = Document.Status, Document.Stage


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
    """Documents first, then generations, what is only measured last. What is held up does not hold up the others."""
    rest = Rest()
    while not stopping():
        documents = _take(worker, rest)
        if documents:
            Round(worker, documents, stopping, rest).run()
        elif not (build_next(stopping, rest) or embed_whole(stopping) or build_trials(stopping, rest)):
            break
    _let_go()
    if rest.error and not stopping():
        raise rest.error


def _let_go() -> None:
    """Models that nothing needs any more leave the memory."""
    if needed := used_presets():
        embedders.let_go(needed)
    rerankers.let_go(settings_in_use())


def _count_against(worker: str) -> None:
    """Something unforeseen happened: what was alone with it as often as allowed has FAILED, the rest waits."""
    last_time = Q(attempt__gte=settings.KB_MAX_ATTEMPTS * 2)
    lease.held_by(worker).filter(last_time).order_by().update(
        status=Status.FAILED, error=_("Something unforeseen happened; the log of the worker says what."), worker="",
        lease_until=None,
    )  # fmt: skip
    lease.release(Q(), worker)


def _take(worker: str, rest: Rest) -> list[Document]:
    """The documents at work: those held and, up to a bound, the oldest queued ones whose engine is not at rest.

    A document under which the worker died as often as attempts are allowed is taken alone: if it is at fault,
    no other suffers, and after as many deaths again it has FAILED (see reconcile).
    """
    held = lease.held_by(worker).count()
    waiting = Document.objects.filter(status=Status.QUEUED, stage=Stage.EMBEDDING, deleted_at=None)
    waiting = waiting.exclude(knowledge_base__in=rest.knowledge_bases()).order_by("created_at", "pk")
    waiting = waiting.exclude(pk__in=rest.documents)
    calm = waiting.filter(attempt__lt=settings.KB_MAX_ATTEMPTS)
    chosen = list(calm.values_list("pk", flat=True)[: DOCUMENTS_AT_ONCE - held])
    if not chosen and not held:
        chosen = list(waiting.values_list("pk", flat=True)[:1])
    if chosen:
        lease.claim(Q(pk__in=chosen), worker)
    return list(lease.held_by(worker).select_related("knowledge_base"))


class Round:
    """One round over the documents at work: a share of each one's missing chunks is embedded."""

    def __init__(self, worker: str, documents: list[Document], stopping: Callable[[], bool], rest: Rest) -> None:
        self.worker, self.stopping, self.rest = worker, stopping, rest
        self.documents = {document.pk: document for document in documents}
        self.groups = list(_by_index(documents))
        self.placed_at = time.monotonic()

    def run(self) -> None:
        for index, documents in list(self.groups):
            try:
                with about([index.knowledge_base_id]):
                    if not self._embed(index, documents):
                        return
            except EmbeddingError as error:  # of this group's engine: it waits, the others go on
                self._leave(documents)
                lease.release(_these(documents), self.worker, error=error.message, attempt=0)
                self.rest.give(index.preset, error)
        self._show_progress()

    def _embed(self, index: Index, documents: list[Document]) -> bool:
        """A share of what these documents miss; False if told to stop."""
        pace, begun, tokens = pace_of(index.preset), time.monotonic(), 0
        work = missing(index, documents, pace.chunks)
        for batch in batches(work, batch_tokens(index.preset)):
            if self.stopping():
                return False
            self._refused(documents, embed_apart(index.preset, batch))
            tokens += sum(item.tokens for item in batch)
            self._now_and_then()
        seconds = time.monotonic() - begun
        pace.took(len(work), seconds)
        spent(index, tokens, seconds)
        return True

    def _refused(self, documents: list[Document], refused: list[tuple[Work, EmbeddingError]]) -> None:
        """A document with a text that will never be embedded has FAILED, with the sentence shown.

        Where another time may do (memory was short), it is tried in the next runs, as often as attempts are allowed.
        """
        for work, error in refused:
            having = set(
                Chunk.objects.filter(digest=work.digest, document__in=documents).values_list("document", flat=True)
            )
            over = Q() if error.permanent else Q(attempt__gte=settings.KB_MAX_ATTEMPTS)
            lease.held_by(self.worker).filter(over, pk__in=having).order_by().update(
                status=Status.FAILED, error=error.message, worker="", lease_until=None
            )
            lease.release(Q(pk__in=having), self.worker, error=error.message)
            self.rest.give_documents(() if error.permanent else having)
            self._leave([document for document in documents if document.pk in having])

    def _leave(self, documents: list[Document]) -> None:
        """These are at work no more."""
        for document in documents:
            self.documents.pop(document.pk, None)
        self.groups = [
            (index, [document for document in group if document.pk in self.documents]) for index, group in self.groups
        ]

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
        self._leave([])

    def _ready(self, document: Document) -> None:
        """A document that was cancelled or deleted meanwhile is not made ready; its places are taken back."""
        try:
            lease.write(
                document, self.worker, status=Status.READY, ready_at=timezone.now(), progress=document.progress_total,
                worker="", lease_until=None, error="",
            )  # fmt: skip
        except lease.LeaseLost:
            IndexedDocument.objects.filter(document=document.pk).delete()


def _these(documents: list[Document]) -> Q:
    return Q(pk__in=[document.pk for document in documents])


def _by_index(documents: list[Document]) -> Iterator[tuple[Index, list[Document]]]:
    """The documents by the index that they must be in to be ready: the one that serves, cut as it wants them.

    One that is being built, or has just been gone back to, gets them afterwards (see build): it holds up nobody.
    """
    groups = defaultdict(list)
    for document in documents:
        groups[document.knowledge_base].append(document)
    for knowledge_base, group in groups.items():
        index = serving_index(knowledge_base)
        cut_for(index, group)
        yield index, list(group)


def _missing_counts(index: Index, documents: Sequence[Document]):
    """(document, how many of its chunks have no vector) for those that lack some."""
    rows = vectors.without_vector(chunks_in(index, documents), index.preset).order_by()
    return rows.values_list("document").annotate(Count("pk"))


_stop = threading.Event()


def stop() -> None:
    """Ask the loop to stop after the batch at hand."""
    _stop.set()


def stopping() -> bool:
    """Whether the worker was asked to stop."""
    return _stop.is_set()
