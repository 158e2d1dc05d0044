"""What a change of settings would set going, said before it is saved."""

from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Max, QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from kb.models import Chunk, Document, KnowledgeBase
from search import vectors
from search.generations.current import in_the_making
from search.generations.progress import seconds_of, whole_tokens_left
from search.generations.wanted import Shape, same_cut, shape_of
from search.models import Index
from search.whole import to_read

MINUTE, HOUR = 60.0, 3600.0


@dataclass(frozen=True)
class Effect:
    """`passages` of about `tokens` will be embedded, and `documents` of about `whole_tokens` read whole.

    `seconds` is None where it is not known how fast the model is.
    """

    rebuilds: bool
    passages: int = 0
    tokens: int = 0
    documents: int = 0
    whole_tokens: int = 0
    seconds: float | None = None
    stops: bool = False

    @property
    def sentence(self) -> str:
        """For people."""
        if not self.rebuilds:
            stopped = _("What is being built is given up.") if self.stops else ""
            return " ".join(filter(None, [_("The index stays as it is."), stopped]))
        built = _("A new index is built beside the one in use, which goes on answering.")
        return f"{built} {self._embedding()}"

    def _embedding(self) -> str:
        if not self.passages and not self.documents:
            return _("Nothing will be embedded.")
        known = {"passages": passages_in_words(self.passages), "documents": self._documents}
        if self.seconds is not None:
            known["time"] = in_words(self.seconds)
        if self.documents:
            return (_READ_LATER if self.seconds is None else _READ) % known
        return (_EMBEDDED_LATER if self.seconds is None else _EMBEDDED) % known

    @property
    def _documents(self) -> str:
        number = ngettext("one document", "%(n)s documents", self.documents)
        return number % {"n": intcomma(about(self.documents))}


_EMBEDDED = gettext_lazy("About %(passages)s will be embedded, which takes about %(time)s.")
_EMBEDDED_LATER = gettext_lazy("About %(passages)s will be embedded; how long that takes is shown once it has begun.")
_READ = gettext_lazy("About %(passages)s will be embedded and %(documents)s read whole, which takes about %(time)s.")
_READ_LATER = gettext_lazy(
    "About %(passages)s will be embedded and %(documents)s read whole; how long that takes is shown once it has begun."
)


def effect_of(knowledge_base: KnowledgeBase, shape: Shape) -> Effect:
    """What it takes to have this shape instead of the one that serves."""
    serving = (
        Index.objects.filter(knowledge_base=knowledge_base, state=Index.State.SERVING)
        .select_related("preset", "chunking")
        .first()
    )
    making = in_the_making(knowledge_base)
    if serving is None or shape_of(serving) == shape:
        return Effect(False, stops=making is not None)
    if making is not None and shape_of(making) == shape:
        return Effect(False)
    passages, tokens = to_embed(knowledge_base, serving, shape)
    made = Index(knowledge_base=knowledge_base, preset=shape.preset, chunking=serving.chunking)  # as if
    documents, whole_tokens = to_read(made).count(), whole_tokens_left(made)
    seconds = seconds_of(shape.preset, tokens, whole_tokens)
    return Effect(True, passages, tokens, documents, whole_tokens, seconds)


def to_embed(knowledge_base: KnowledgeBase, serving: Index, shape: Shape) -> tuple[int, int]:
    """(passages, tokens): counted where the documents are cut so already, else by what they are now."""
    living = Chunk.objects.filter(document__knowledge_base=knowledge_base, document__deleted_at=None).order_by()
    cut = same_cut(knowledge_base, shape)
    if cut and _documents_in(living, cut.pk) >= _documents_in(living, serving.chunking_id):
        once = vectors.without_vector(living.filter(chunking=cut), shape.preset).values("digest")
        return once.distinct().count(), once.annotate(n=Max("tokens")).aggregate(total=Sum("n"))["total"] or 0
    now = living.filter(chunking=serving.chunking_id)
    passages, tokens = now.count(), now.aggregate(n=Sum("tokens"))["n"] or 0
    documents = Document.objects.filter(knowledge_base=knowledge_base, deleted_at=None).count()
    step, new_step = serving.chunking.tokens - serving.chunking.overlap, shape.tokens - shape.overlap
    return max(min(documents, passages), round(passages * step / max(1, new_step))), tokens


def _documents_in(chunks: QuerySet[Chunk], chunking: int) -> int:
    """How many documents are cut so: one that is being built has not got to all yet."""
    return chunks.filter(chunking=chunking).values("document").distinct().count()


def passages_in_words(number: int) -> str:
    """So many passages, to two digits."""
    return ngettext("One passage", "%(n)s passages", number) % {"n": intcomma(about(number))}


def about(number: int) -> int:
    """Two digits of it: more would claim to know too much."""
    digits = max(0, len(str(number)) - 2)
    return round(number, -digits)


def in_words(seconds: float) -> str:
    """A length of time, as one says it."""
    if seconds < MINUTE:
        return _("a minute")
    if seconds < 2 * HOUR:
        minutes = about(max(1, round(seconds / MINUTE)))
        return ngettext("one minute", "%(n)d minutes", minutes) % {"n": minutes}
    hours = about(round(seconds / HOUR))
    return ngettext("one hour", "%(n)d hours", hours) % {"n": hours}
