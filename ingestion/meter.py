"""Write down what was embedded for an index, and how long that took: by this its end is told."""

import math
import time

from django.db.models import F
from django.utils import timezone

from search.models import Index

REPORT_EVERY = 2.0  # seconds
LATELY, LATELY_SHARE = 60.0, 0.1  # seconds, or share of all that was spent, by which the pace is smoothed
State = Index.State


class Meter:
    """Says every few seconds how much was embedded for an index, and in how long."""

    def __init__(self, index: Index) -> None:
        self.index, self.tokens, self.seconds = index, 0, 0.0
        self._since = time.monotonic()

    def embedded(self, tokens: int) -> None:
        """So many tokens more."""
        self.tokens += tokens
        if time.monotonic() - self._since >= REPORT_EVERY:
            self.report()

    def report(self, more: float = 0.0) -> None:
        """Write down what was not yet; `more` seconds went by before, for all of it."""
        now = time.monotonic()
        seconds = now - self._since + more
        spent(self.index, self.tokens, seconds)
        self.seconds += seconds
        self._since, self.tokens = now, 0


def spent(index: Index, tokens: int, seconds: float) -> None:
    """Add to what was embedded for this index and how long that took; it goes on, so nothing holds it up."""
    if tokens or index.state in (State.BUILDING, State.TRIAL):
        Index.objects.filter(pk=index.pk).update(
            tokens_done=F("tokens_done") + tokens,
            seconds_spent=F("seconds_spent") + seconds,
            pace=_smoothed(index, tokens, seconds),
            spent_at=timezone.now(),
        )
    _nothing_holds_it_up(index)


def spent_reading(index: Index, tokens: int, seconds: float) -> None:
    """The same of documents that were read whole: long texts have a pace of their own."""
    Index.objects.filter(pk=index.pk).update(
        whole_done=F("whole_done") + tokens, whole_seconds=F("whole_seconds") + seconds, spent_at=timezone.now()
    )
    _nothing_holds_it_up(index)


def _nothing_holds_it_up(index: Index) -> None:
    if index.note and index.state in (State.BUILDING, State.SERVING, State.TRIAL):
        Index.objects.filter(pk=index.pk).update(note="")


def _smoothed(index: Index, tokens: int, seconds: float) -> float | None:
    """The pace of the last minutes: a device that others use, too, is not always as fast as it was at first."""
    index.refresh_from_db(fields=["pace", "seconds_spent"])
    if seconds <= 0 or not (tokens or index.pace):
        return index.pace
    if index.pace is None:
        return tokens / seconds
    old = math.exp(-seconds / max(LATELY, LATELY_SHARE * index.seconds_spent))
    return old * index.pace + (1 - old) * tokens / seconds
