"""Compare passage lengths: what each would take, the indexes that are built for it, and what becomes of them.

An index of each length is built by the embed worker beside the one that serves, as a generation is, and after all else;
then the saved questions are asked of each (search.evaluation.length_curve). For a day they are kept, so that the length
that is chosen need not be embedded again; then they are purged with their passages and vectors.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from kb.bell import send
from kb.models import KnowledgeBase, User
from search.evaluation import jobs
from search.evaluation.evaluate import start
from search.generations.current import UNFINISHED, on_trial, start_wanted
from search.generations.progress import Progress, progress_of, seconds_of
from search.generations.wanted import LONGEST_PASSAGE, SHORTEST_PASSAGE, Shape, chunking_for, shape_of
from search.models import EvaluationRun, Index, QuestionSet
from search.settings.effect import in_words, passages_in_words, to_embed

MOST = 6  # lengths in a comparison
USUAL = (64, 128, 256, 512, 1024, 2048)
KEPT = timedelta(days=1)
State, Reason = Index.State, EvaluationRun.Reason


class LengthsError(Exception):
    """These lengths cannot be compared; `message` says why, for people."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class Length:
    """A passage length in tokens, and what it takes to build its index: about `passages` of `work` tokens to embed.

    `seconds` is None where it is not known how fast the model is.
    """

    shape: Shape
    in_use: bool
    passages: int = 0
    work: int = 0
    seconds: float | None = 0.0

    @property
    def tokens(self) -> int:
        return self.shape.tokens


@dataclass(frozen=True)
class Plan:
    """The lengths of a comparison, the shortest first."""

    lengths: tuple[Length, ...]

    @property
    def passages(self) -> int:
        return sum(one.passages for one in self.lengths)

    @property
    def sentence(self) -> str:
        """What it takes, for people."""
        if not self.passages:
            return _("Nothing will be embedded.")
        times = [one.seconds for one in self.lengths]
        known = {"passages": passages_in_words(self.passages)}
        if None in times:
            return _("About %(passages)s will be embedded; how long that takes is shown once it has begun.") % known
        known["time"] = in_words(sum(time or 0.0 for time in times))
        return _("About %(passages)s will be embedded, which takes about %(time)s.") % known


def numbers_in(text: str) -> list[int]:
    """Of "128, 256 512". Raises LengthsError."""
    words = [word for word in re.split(r"[\s,;]+", text) if word]
    if not words or not all(re.fullmatch(r"[0-9]{1,6}", word) for word in words):
        raise LengthsError(_("Give lengths in tokens, like 128, 256, 512."))
    return [int(word) for word in words]


def usual_lengths(knowledge_base: KnowledgeBase) -> list[int]:
    """Three that are worth trying, as far as the model in use reads them."""
    index = _serving(knowledge_base)
    return [one for one in USUAL if index is None or one <= index.preset.max_tokens][:4][-3:]


def plan(knowledge_base: KnowledgeBase, lengths: Iterable[int]) -> Plan:
    """What it takes to compare these lengths with the one in use, which is always among them. Raises LengthsError.

    The overlap grows with the length, as it is in use.
    """
    index = _serving(knowledge_base)
    if index is None:
        raise LengthsError(_("There is no index to ask: nothing in this knowledge base is indexed yet."))
    used = shape_of(index)
    wanted = {used.tokens, *lengths}
    longest = min(index.preset.max_tokens, LONGEST_PASSAGE)
    if wrong := [one for one in wanted if not SHORTEST_PASSAGE <= one <= longest]:
        known = {"wrong": wrong[0], "shortest": SHORTEST_PASSAGE, "longest": longest, "model": index.preset}
        raise LengthsError(_("%(wrong)d is not between %(shortest)d and %(longest)d, which %(model)s reads.") % known)
    if not 1 < len(wanted) <= MOST:
        raise LengthsError(_("Name one to %(n)d lengths other than the one in use.") % {"n": MOST - 1})
    shapes = [replace(used, tokens=one, overlap=round(one * used.overlap / used.tokens)) for one in sorted(wanted)]
    return Plan(tuple(_length(index, shape) for shape in shapes))


def _serving(knowledge_base: KnowledgeBase) -> Index | None:
    serving = Index.objects.filter(knowledge_base=knowledge_base, state=State.SERVING)
    return serving.select_related("preset", "chunking", "knowledge_base").first()


def _length(index: Index, shape: Shape) -> Length:
    if shape == shape_of(index):
        return Length(shape, in_use=True)
    passages, tokens = to_embed(index.knowledge_base, index, shape)
    return Length(shape, False, passages, tokens, seconds_of(shape.preset, tokens))


def compare_lengths(
    chosen: Plan, knowledge_base: KnowledgeBase, *, question_set: QuestionSet | None = None,
    asked_by: User | None = None,
) -> EvaluationRun:  # fmt: skip
    """Queue the evaluation, which waits until the embed worker has built an index of each length.

    Raises LengthsError where such a comparison is under way.
    """
    with transaction.atomic():
        KnowledgeBase.objects.select_for_update().get(pk=knowledge_base.pk)
        if on_trial().filter(knowledge_base=knowledge_base).exists():
            raise LengthsError(_("Passage lengths are being compared already."))
        label = _("passages of %(lengths)s tokens") % {"lengths": ", ".join(str(one.tokens) for one in chosen.lengths)}
        run = start(knowledge_base, question_set=question_set, reason=Reason.LENGTHS, label=label, asked_by=asked_by)
        old = list(_finished(knowledge_base).select_related("preset", "chunking"))
        kept = [_on_trial(run, one, old).pk for one in chosen.lengths if not one.in_use]
        _finished(knowledge_base).exclude(pk__in=kept).update(state=State.RETIRED, retired_at=timezone.now())
    transaction.on_commit(lambda: send("embed_missing"))
    return run


def _finished(knowledge_base: KnowledgeBase) -> QuerySet[Index]:
    """The indexes of comparisons that are done with."""
    return Index.objects.filter(knowledge_base=knowledge_base, state=State.TRIAL).exclude(trial__state__in=UNFINISHED)


def _on_trial(run: EvaluationRun, length: Length, old: Sequence[Index]) -> Index:
    """An index for this comparison: one of an earlier one, where it has this shape."""
    shape, index = length.shape, next((one for one in old if shape_of(one) == length.shape), None)
    if index is None:
        index = Index.objects.create(
            knowledge_base=run.knowledge_base, preset=shape.preset, dimension=shape.dimension, state=State.TRIAL,
            chunking=chunking_for(run.knowledge_base, shape), query_instruction=shape.query_instruction,
        )  # fmt: skip
    left = {"built_at": None, "tokens_at_first": F("tokens_done") + length.work}
    Index.objects.filter(pk=index.pk).update(trial=run, begun_at=timezone.now(), **left)
    return index


def built_to_measure(index: Index) -> bool:
    """Note that an index on trial is filled, and call for the evaluation when it is the last. False: it was noted."""
    built = Index.objects.filter(pk=index.pk, state=State.TRIAL, built_at=None)
    if not built.update(built_at=timezone.now(), note=""):
        return False
    if index.trial_id and not Index.objects.filter(trial=index.trial_id, built_at=None).exists():
        jobs.ring(index.trial_id)
    return True


def retire_trials() -> int:
    """Give up the indexes of comparisons that were cancelled or deleted, or are a day old."""
    kept = Q(trial__state__in=UNFINISHED) | Q(
        trial__state__in=(EvaluationRun.State.DONE, EvaluationRun.State.FAILED),
        trial__finished_at__gt=timezone.now() - KEPT,
    )
    return Index.objects.filter(state=State.TRIAL).exclude(kept).update(state=State.RETIRED, retired_at=timezone.now())


@dataclass(frozen=True)
class Building:
    """How far the index of a length is; `progress` is None where it is built."""

    tokens: int
    progress: Progress | None
    note: str


def building(run: EvaluationRun) -> list[Building]:
    """The indexes that an unfinished comparison is built of, as they are built; none where it is being measured."""
    trials = list(run.trials.select_related("preset", "chunking").order_by("begun_at", "pk"))
    if all(index.built_at for index in trials):
        return []
    return [Building(i.chunking.tokens, None if i.built_at else progress_of(i), i.note) for i in trials]


def use_length(run: EvaluationRun, length: str) -> bool:
    """Have the knowledge base cut at a length that was compared: the ordinary building of a generation begins.

    False where the run has no such length, or measured something else.
    """
    found = run.results.get(length) if run.reason == Reason.LENGTHS else None
    if found is None:
        return False
    base = run.knowledge_base
    base.chunk_tokens, base.chunk_overlap = int(length), found["overlap"]
    base.save(update_fields=["chunk_tokens", "chunk_overlap"])
    if start_wanted(base):
        send("embed_missing")
    return True
