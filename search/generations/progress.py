"""How far a generation is, how fast it goes, and when it will be done.

Its work is of two kinds, each with a pace of its own: to embed passages, and to read documents whole.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from kb.models import Chunk, Document
from search import vectors
from search.generations.current import MAKING, State, lacking, on_trial
from search.models import DocumentVector, Index, IndexedDocument, Preset
from search.whole import lacking_whole, to_read

A_CHARACTER = 0.3  # tokens, where nothing has been cut yet
SAMPLE = 500  # documents or chunks by which a mean is told
PARTS, LONGEST = 10, timedelta(hours=1)  # of the time in which is looked how much others ask of the worker
SHORTEST = timedelta(minutes=1)
MOST_BUSY = 0.9
A_BATCH, STANDSTILL = 10.0, 0.1  # seconds, or share of the time until now, that a batch may be under way


@dataclass(frozen=True)
class Progress:
    """Of an index: `documents` of `total` are in it with all their vectors; tokens a second as it went lately.

    The speed and `seconds_left` are None where nothing can be told yet; the latter counts what comes first and what
    else there is to do.
    """

    documents: int
    total: int
    tokens_left: int
    tokens_per_second: float | None
    seconds_left: float | None
    done_at: datetime | None

    @property
    def share(self) -> float:
        """Of its documents, 0 to 1."""
        return self.documents / self.total if self.total else 1.0

    @property
    def done_format(self) -> str:
        """Of the time of day; with the day, where it is not today."""
        today = timezone.localdate()
        return "H:i" if self.done_at and timezone.localdate(self.done_at) == today else "j F H:i"

    @property
    def is_complete(self) -> bool:
        return self.documents >= self.total


def in_short(progress: Progress) -> str:
    """A line for lists."""
    parts = [f"{progress.share:.0%}"]
    if progress.tokens_per_second:
        parts.append(_("%(n)d tokens/s") % {"n": round(progress.tokens_per_second)})
    if progress.done_at:
        at = date_format(timezone.localtime(progress.done_at), progress.done_format)
        parts.append(_("done at about %(at)s") % {"at": at})
    return ", ".join(parts)


def progress_of(index: Index, now: datetime | None = None) -> Progress:
    """How far it is at this moment; cheap enough to be asked every few seconds."""
    now = now or timezone.now()
    unread = 0 if index.state == State.TRIAL else lacking_whole(index).count()  # it shares those of the one in use
    missing = lacking(index).count() + unread
    inside = IndexedDocument.objects.filter(index=index).count() - unread
    left, whole_left = _left(index) if missing else (0, 0)
    own = _own_seconds(index, missing, inside)
    speed = (left + whole_left) / own if own and left + whole_left else index.pace or _overall(index)
    own = None if own is None else max(0.0, own - _since_told(index, now))
    seconds = None if own is None else (own + seconds_ahead(index)) / (1.0 - busy_with_others(index, now))
    done_at = None if seconds is None else now + timedelta(seconds=seconds)
    return Progress(inside, inside + missing, left + whole_left, speed, seconds, done_at)


def _left(index: Index) -> tuple[int, int]:
    """Tokens of passages, and of whole documents."""
    return max(0, index.tokens_at_first - index.tokens_done), max(0, index.whole_at_first - index.whole_done)


def _own_seconds(index: Index, missing: int, inside: int) -> float | None:
    """Seconds of work that are left, were it alone: by tokens, or where none are left by documents."""
    if not missing:
        return 0.0
    left, whole_left = _left(index)
    if left + whole_left:
        speed = index.pace or _overall(index) or (speed_of(index.preset) if index.state == State.TRIAL else None)
        parts = _seconds(left, speed), _seconds(whole_left, _whole_speed(index) or speed)
        return None if None in parts else sum(part or 0.0 for part in parts)
    if not inside or not index.seconds_spent:
        return None
    return missing * index.seconds_spent / inside


def _seconds(tokens: int, speed: float | None) -> float | None:
    """None where it is not known."""
    if not tokens:
        return 0.0
    return tokens / speed if speed else None


def _overall(index: Index) -> float | None:
    return index.tokens_done / index.seconds_spent if index.tokens_done and index.seconds_spent else None


def _whole_speed(index: Index) -> float | None:
    return index.whole_done / index.whole_seconds if index.whole_done and index.whole_seconds else None


def _since_told(index: Index, now: datetime) -> float:
    """Seconds of work since it was last written down, with a batch under way; a worker that is gone does none."""
    if index.spent_at is None:
        return 0.0
    return min((now - index.spent_at).total_seconds(), max(A_BATCH, index.seconds_spent * STANDSTILL))


def tokens_left(index: Index) -> int:
    """Tokens of the texts that are not embedded yet; of documents that are not cut yet as many as they likely have.

    It reads all of these chunks, so it is for the one who builds.
    """
    documents = lacking(index)
    chunks = Chunk.objects.filter(chunking=index.chunking_id, document__in=documents.values("pk").order_by())
    once = vectors.without_vector(chunks, index.preset).order_by().values("digest").annotate(n=Max("tokens"))
    cut = Chunk.objects.filter(document=OuterRef("pk"), chunking=index.chunking_id)
    uncut = documents.filter(~Exists(cut)).order_by().aggregate(n=Sum("characters"))["n"] or 0
    return (once.aggregate(total=Sum("n"))["total"] or 0) + round(uncut * tokens_a_character(index))


def whole_tokens_left(index: Index) -> int:
    """Tokens of the documents that are to be read whole, as many as their characters let expect."""
    characters = to_read(index).order_by().aggregate(n=Sum("characters"))["n"] or 0
    return round(characters * _whole_tokens_a_character(index)) if characters else 0


def _whole_tokens_a_character(index: Index) -> float:
    """By some documents that were read whole; else by passages, without what these repeat of each other."""
    read = DocumentVector.objects.filter(preset=index.preset_id, from_chunks=False, document__characters__gt=0)
    some = list(read.values_list("tokens", "document__characters")[:SAMPLE])
    if some:
        return sum(tokens for tokens, _ in some) / sum(characters for _, characters in some)
    cut = index.chunking
    return tokens_a_character(index) * (1.0 - cut.overlap / cut.tokens)


def tokens_a_character(index: Index) -> float:
    """By some documents that were cut in this way; else in any way."""
    of_base = Chunk.objects.filter(document__knowledge_base=index.knowledge_base_id)
    return _ratio(of_base.filter(chunking=index.chunking_id)) or _ratio(of_base) or A_CHARACTER


def _ratio(chunks: QuerySet[Chunk]) -> float:
    """Of the chunks' tokens to their characters; what they overlap by counts as often as it is embedded."""
    some = list(chunks.order_by().values_list("document", "chunking").distinct()[:SAMPLE])
    if not some:
        return 0.0
    ids = {document for document, _ in some}
    found = Chunk.objects.filter(document__in=ids, chunking__in={chunking for _, chunking in some})
    tokens = found.aggregate(n=Sum("tokens"))["n"] or 0
    ways = found.order_by().values_list("document", "chunking", "document__characters").distinct()
    return tokens / max(1, sum(characters for *_, characters in ways))


def speed_of(preset: Preset) -> float | None:
    """Tokens a second, by all that this preset ever embedded here; None where it has not."""
    known = Index.objects.filter(preset=preset, tokens_done__gt=0, seconds_spent__gt=0)
    sums = known.aggregate(tokens=Sum("tokens_done"), seconds=Sum("seconds_spent"))
    return sums["tokens"] / sums["seconds"] if sums["seconds"] else None


def whole_speed_of(preset: Preset) -> float | None:
    """The same of documents that were read whole; None where none was."""
    known = Index.objects.filter(preset=preset, whole_done__gt=0, whole_seconds__gt=0)
    sums = known.aggregate(tokens=Sum("whole_done"), seconds=Sum("whole_seconds"))
    return sums["tokens"] / sums["seconds"] if sums["seconds"] else speed_of(preset)


def seconds_ahead(index: Index) -> float:
    """What the worker does first: documents that wait to be embedded, and generations that were begun before."""
    return _seconds_of_documents() + _seconds_of_others(index)


def _seconds_of_documents() -> float:
    waiting = Document.objects.filter(
        Q(status=Document.Status.QUEUED) | Q(status=Document.Status.RUNNING), stage=Document.Stage.EMBEDDING,
        deleted_at=None, knowledge_base__indexes__state=State.SERVING,
    ).order_by()  # fmt: skip
    counts = waiting.values_list("knowledge_base__indexes__preset").annotate(
        lacks=Sum(F("progress_total") - F("progress"))
    )
    tokens = _tokens_a_chunk(waiting)
    speeds = {preset.pk: speed_of(preset) for preset in Preset.objects.filter(pk__in=[pk for pk, _ in counts])}
    return sum(chunks * tokens / (speeds[pk] or float("inf")) for pk, chunks in counts)


def _tokens_a_chunk(documents: QuerySet[Document]) -> float:
    some = list(Chunk.objects.filter(document__in=documents.values("pk")).values_list("tokens", flat=True)[:SAMPLE])
    return sum(some) / len(some) if some else 0.0


def _seconds_of_others(index: Index) -> float:
    before = Q(begun_at__lt=index.begun_at) | Q(begun_at=index.begun_at, pk__lt=index.pk)
    making = Index.objects.filter(state__in=MAKING, knowledge_base__deleted_at=None).select_related("preset")
    if index.state == State.TRIAL:  # which come after all that are to serve
        others = [*making, *on_trial().filter(before, built_at=None)]
    else:
        others = list(making.filter(before))
    return sum(_known_seconds(other) for other in others if not other.note)


def _known_seconds(index: Index) -> float:
    """Of another index's work; 0 where nothing is known of its preset's pace."""
    return seconds_of(index.preset, *_left(index)) or 0.0


def seconds_of(preset: Preset, tokens: int, whole_tokens: int = 0) -> float | None:
    """To embed passages and read documents whole, by all that this preset ever did here; None where that is nothing."""
    parts = _seconds(tokens, speed_of(preset)), _seconds(whole_tokens, whole_speed_of(preset))
    return None if None in parts else sum(part or 0.0 for part in parts)


def busy_with_others(index: Index, now: datetime) -> float:
    """The share of the worker's time that new documents will go on taking, as it was in most parts of the last hour.

    The median over ten parts of the time since the building began: a heap of uploads counts while it waits, not as
    a habit; a steady trickle does.
    """
    since = max(index.begun_at or now, now - LONGEST)
    if now - since < SHORTEST:
        return 0.0
    speed = speed_of(index.preset)
    part = (now - since) / PARTS
    came = Document.objects.filter(created_at__gte=since, created_at__lt=now, status=Document.Status.READY)
    parts = [0.0] * PARTS
    for created_at, characters in came.order_by().values_list("created_at", "characters"):
        parts[min(PARTS - 1, int((created_at - since) / part))] += characters
    tokens = median(parts) * tokens_a_character(index) if any(parts) else 0.0
    return min(MOST_BUSY, tokens / speed / part.total_seconds()) if speed else 0.0
