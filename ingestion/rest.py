"""What failed just now is left alone for a while, so that it does not hold up the rest."""

import time
from collections.abc import Iterable
from uuid import UUID

from search.embedders import EmbeddingError
from search.models import Index, Preset

SECONDS = 30.0


class Rest:
    """Of one run of the embed worker: presets whose engine is away, and generations that cannot be built on.

    `error` is the first one by which documents wait. `documents` were refused, and may pass another time.
    """

    def __init__(self) -> None:
        self.error: EmbeddingError | None = None
        self.documents: set[UUID] = set()
        self._presets: dict[int, float] = {}
        self._indexes: dict[int, float] = {}

    def give(self, preset: Preset, error: EmbeddingError) -> None:
        """Leave the documents that wait for this preset's engine."""
        self._presets[preset.pk] = time.monotonic() + SECONDS
        self.error = self.error or error

    def give_documents(self, documents: Iterable[UUID]) -> None:
        """Leave these documents for the rest of the run."""
        self.documents.update(documents)

    def give_index(self, index: Index) -> None:
        """Leave this index as it is."""
        self._indexes[index.pk] = time.monotonic() + SECONDS

    def knowledge_bases(self):
        """Those that are served by a preset at rest."""
        resting = _now(self._presets)
        serving = Index.objects.filter(state=Index.State.SERVING, preset__in=resting)
        return serving.values("knowledge_base") if resting else []

    def has(self, index: Index) -> bool:
        """Whether this index is left as it is."""
        return index.pk in _now(self._indexes)


def _now(until: dict[int, float]) -> list[int]:
    return [pk for pk, moment in until.items() if moment > time.monotonic()]
