"""Build generations beside the ones that serve, and fill up one that was gone back to, a bounded step at a time."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext as _

from ingestion.meter import Meter
from ingestion.purge import drop_derived
from ingestion.rest import Rest
from ingestion.whole import kept_tokens, read_step, unreadable
from ingestion.work import (
    Work,
    batch_tokens,
    batches,
    chunks_in,
    cut_for,
    embed_apart,
    missing_among,
    pace_of,
    shortest_first,
)
from kb.acting import about
from kb.models import Chunk, Document
from search.embedders import EmbeddingError
from search.embedders.loaded import loaded
from search.evaluation.lengths import built_to_measure
from search.generations.current import MAKING, State, lacking, on_trial
from search.generations.progress import tokens_left, whole_tokens_left
from search.generations.refusals import refuse
from search.generations.switch import complete
from search.keywords import KeywordError
from search.models import Index, IndexedDocument
from search.place import NotFindable, place
from search.vectors import without_vector

log = logging.getLogger(__name__)
STEP_DOCUMENTS = 200  # looked at in a step
TOGETHER = 20  # of them that are cut before it is asked what they miss
COUNTING = 0.05  # share of the time that may go into counting what is left
_count_again: dict[int, float] = {}  # index: when


def build_next(stopping: Callable[[], bool], rest: Rest) -> bool:
    """Bring the first generation that lacks documents a step on; False if there is none, or none that can be.

    What fails here is written on the index and holds up neither a document nor another index.
    """
    return _bring_on(_unfinished(), stopping, rest)


def build_trials(stopping: Callable[[], bool], rest: Rest) -> bool:
    """The same of the indexes that are built to be measured."""
    return _bring_on(on_trial(), stopping, rest)


def _bring_on(indexes: Iterable[Index], stopping: Callable[[], bool], rest: Rest) -> bool:
    for index in indexes:
        if rest.has(index):
            continue
        try:
            if _step(index, stopping):
                return True
        except (EmbeddingError, KeywordError, NotFindable) as error:
            _hold_up(index, rest, getattr(error, "message", str(error)))
        except Exception:
            if _is_gone(index):
                continue
            log.exception("Building %s failed.", index)
            _hold_up(index, rest, _("Something unforeseen happened; the log of the worker says what."))
    return False


def _hold_up(index: Index, rest: Rest, sentence: str) -> None:
    log.warning("Building %s waits: %s", index, sentence)
    Index.objects.filter(pk=index.pk).update(note=sentence)
    rest.give_index(index)


def _is_gone(index: Index) -> bool:
    """Cancelled and purged while it was worked at: what was put in after that goes, too."""
    if Index.objects.filter(pk=index.pk).exists():
        return False
    drop_derived(index)
    return True


def _unfinished() -> Iterator[Index]:
    """Those that serve and lack something (after a switch or going back) first, then the oldest that is built."""
    living = Index.objects.filter(knowledge_base__deleted_at=None)
    living = living.select_related("preset", "chunking", "knowledge_base")
    switched = Index.objects.filter(knowledge_base=OuterRef("knowledge_base"), state=State.PREVIOUS)
    for index in living.filter(Exists(switched), state=State.SERVING):
        if lacking(index).exists():
            yield index
    yield from living.filter(state__in=MAKING).order_by("begun_at", "pk")


def _step(index: Index, stopping: Callable[[], bool]) -> bool:
    """Embed what the next documents miss, put them in, read them whole. False if none is lacking and nothing changes.

    Those that are in it are read whole before others follow: so it is known early how long that takes.
    """
    if index.state == State.BUILDING and read_step(index, stopping):
        return True
    documents = list(lacking(index)[:STEP_DOCUMENTS])
    if not documents:
        return _finish(index)
    _count(index)
    begun = time.monotonic()
    seen, work = _gather(index, documents)
    cutting = time.monotonic() - begun
    if work:
        loaded(index.preset)  # which takes its time, and tells nothing of how fast it embeds
    meter = Meter(index)
    with about([index.knowledge_base_id]):
        done = _embed(index, work, stopping, meter)
    placed = _place(index, _whole(index, seen))
    meter.report(cutting)
    pace_of(index.preset).took(len(done), meter.seconds)
    return bool(done or placed or seen)


def _finish(index: Index) -> bool:
    """Whether that changes anything."""
    if index.state == State.TRIAL:
        return built_to_measure(index)
    return index.state == State.BUILDING and complete(index, unreadable(index.preset))


def _gather(index: Index, documents: Sequence[Document]) -> tuple[list[Document], list[Work]]:
    """As many documents, in their order, as make up a round, and the texts that they miss."""
    limit = pace_of(index.preset).chunks
    seen: list[Document] = []
    work: list[Work] = []
    for first in range(0, len(documents), TOGETHER):
        if len(work) >= limit:
            break
        some = documents[first : first + TOGETHER]
        cut_for(index, some)
        work += missing_among(index, some, limit - len(work))
        seen += some
    return seen, shortest_first(work)


def _embed(index: Index, work: Sequence[Work], stopping: Callable[[], bool], meter: Meter) -> list[Work]:
    """What was embedded. Documents with a text that the engine refuses for good are left out of the index.

    Short and long texts come in any order, so that from the first batches on the pace is that of the whole.
    """
    done: list[Work] = []
    listed = list(batches(work, batch_tokens(index.preset)))
    random.shuffle(listed)
    for batch in listed:
        if stopping():
            break
        for refused, error in embed_apart(index.preset, batch):
            _leave_out(index, refused, error)
        done += batch
        meter.embedded(sum(item.tokens for item in batch))
    return done


def _leave_out(index: Index, work: Work, error: EmbeddingError) -> None:
    """Whatever has this text, however often."""
    having = Chunk.objects.filter(digest=work.digest, chunking=index.chunking_id, document__deleted_at=None)
    documents = set(having.order_by().values_list("document", flat=True))
    log.warning("%s does without %d documents: %s", index, len(documents), error.message)
    refuse(index, documents, error.message)


def _whole(index: Index, documents: Sequence[Document]) -> list[Document]:
    """Those that miss nothing any more."""
    lacking = without_vector(chunks_in(index, documents), index.preset).order_by().values_list("document", flat=True)
    still = set(lacking.distinct())
    return [document for document in documents if document.pk not in still]


def _place(index: Index, documents: Sequence[Document]) -> int:
    """Put them in; returns how many. What was deleted, or is being read anew, is not, or is taken back."""
    ids = [document.pk for document in documents]
    same = Document.objects.filter(pk__in=ids, status=Document.Status.READY, deleted_at=None)
    before = dict(same.values_list("pk", "ready_at"))
    unchanged = [one for one in documents if one.pk in before and before[one.pk] == one.ready_at]
    if unchanged:
        place(index, unchanged)
    after = dict(same.values_list("pk", "ready_at"))
    stale = [one.pk for one in unchanged if one.pk not in after or after[one.pk] != one.ready_at]
    IndexedDocument.objects.filter(index=index, document__in=stale).delete()
    return len(unchanged) - len(stale)


def _count(index: Index) -> None:
    """Now and then, count the tokens that are left: what comes and goes meanwhile changes them."""
    now = time.monotonic()
    if now < _count_again.get(index.pk, 0.0) and (index.tokens_at_first or index.whole_at_first):
        return
    left = tokens_left(index)
    whole = 0 if index.state == State.TRIAL else max(0, whole_tokens_left(index) - kept_tokens(index.preset))
    took = time.monotonic() - now
    _count_again[index.pk] = now + max(10.0, took / COUNTING)
    Index.objects.filter(pk=index.pk).update(
        tokens_at_first=F("tokens_done") + left, whole_at_first=F("whole_done") + whole
    )
