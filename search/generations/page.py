"""What the page of a knowledge base's search shows of its indexes."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Sum
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from kb.models import KnowledgeBase
from search.evaluation.comparison import chat_way
from search.evaluation.trial import Trial, shown_trial
from search.generations.current import in_the_making, lacking, previous_index
from search.generations.progress import Progress, progress_of
from search.generations.refusals import lost, refused
from search.models import EvaluationRun, Index, IndexedDocument, Refusal
from search.presets.sizes import bytes_of

LISTED = 20  # refused documents


@dataclass(frozen=True)
class Refused:
    """The documents that an index does without: the first of them, how many, and how many are found now."""

    listed: tuple[Refusal, ...]
    number: int
    lost: int

    @property
    def more(self) -> int:
        """Than are listed."""
        return self.number - len(self.listed)


@dataclass(frozen=True)
class Generation:
    """An index and how far it is: `passages` are in it, `lacks` documents are not, its vectors take `bytes`."""

    index: Index
    passages: int
    lacks: int
    refused: Refused
    progress: Progress | None = None
    trial: Trial | None = None

    @property
    def bytes(self) -> int:
        return bytes_of(self.index.dimension, self.passages)

    @property
    def kept_until(self):
        """When the previous index is forgotten."""
        return self.index.retired_at and self.index.retired_at + timedelta(days=settings.KB_KEEP_PREVIOUS_DAYS)


@dataclass(frozen=True)
class Beside:
    """A figure of the serving and of the built index, as text."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Generations:
    """Those of a knowledge base; `making` is being built or built."""

    serving: Generation
    making: Generation | None
    previous: Generation | None

    @property
    def is_moving(self) -> bool:
        """Whether the page would look different soon."""
        made = self.making
        if made is None:
            return False
        return made.progress is not None or made.lacks > 0 or bool(made.trial and made.trial.state.name == "RUNNING")

    @property
    def signature(self) -> str:
        """Changes when more than figures change."""
        made = self.making
        parts: list[object] = [
            self.serving.index.pk,
            self.previous and self.previous.index.pk,
            bool(self.serving.lacks),
        ]
        if made:
            parts += [
                made.index.pk,
                made.index.state,
                made.index.note,
                made.trial and made.trial.state,
                bool(made.lacks),
                made.refused.number,
                made.refused.lost,
            ]
        return hashlib.sha256(repr([*map(str, parts)]).encode()).hexdigest()[:16]


def generations_of(knowledge_base: KnowledgeBase) -> Generations | None:
    """None where there is no index yet: the first document makes it."""
    indexes = Index.objects.filter(knowledge_base=knowledge_base).select_related("preset", "chunking")
    serving = indexes.filter(state=Index.State.SERVING).first()
    if serving is None:
        return None
    making, previous = in_the_making(knowledge_base), previous_index(knowledge_base)
    return Generations(
        serving=_generation(serving),
        making=_generation(making) if making else None,
        previous=_generation(previous) if previous else None,
    )


def _generation(index: Index) -> Generation:
    passages = IndexedDocument.objects.filter(index=index).aggregate(n=Sum("chunks"))["n"] or 0
    building = index.state == Index.State.BUILDING
    built = index.state == Index.State.BUILT
    return Generation(
        index=index,
        passages=passages,
        lacks=lacking(index).count(),
        refused=_refused(index),
        progress=progress_of(index) if building else None,
        trial=shown_trial(index) if built else None,
    )


def _refused(index: Index) -> Refused:
    found = refused(index)
    number = found.count()
    return Refused(tuple(found[:LISTED]), number, lost(index).count()) if number else Refused((), 0, 0)


def side_by_side(made: Generation, serving: Generation) -> list[Beside]:
    """Rows for the table: what the saved questions found in both, how fast, and how large they are."""
    memory = Beside(_("memory of the vectors"), filesizeformat(serving.bytes), filesizeformat(made.bytes))
    trial = made.trial
    if trial is None or trial.comparison is None or trial.before is None or trial.after is None:
        return [memory]
    way = chat_way(trial.after)
    once = {row.measure: row for row in trial.comparison.rows if row.way == way}
    found = [Beside(name, f"{row.before:.3f}", f"{row.after:.3f}") for name, row in once.items()]
    return [*found, Beside(_("half of the questions within"), _latency(trial.before), _latency(trial.after)), memory]


def _latency(run: EvaluationRun) -> str:
    took = run.results.get(chat_way(run), {}).get("milliseconds", {}).get("p50")
    return "" if took is None else f"{took:.0f} ms"
