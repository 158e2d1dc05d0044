"""What is known of a document's place among others: versions, topic, tags."""

from dataclasses import dataclass

from django.db.models import Case, Count, F, OuterRef, Prefetch, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from kb.models import Document
from search.models import DocumentTag, Resemblance, Tag, Topic, TopicDocument
from search.organising.families import history_of

State = Resemblance.State


@dataclass(frozen=True)
class Organised:
    """`history` holds all versions, the oldest first, of which the document is number `position`. `pair` is what it
    looks like a version of, to be decided; `taken` what it was taken for a version of without a person.
    """

    history: list[Document]
    position: int
    pair: Resemblance | None
    taken: Resemblance | None
    topic: Topic | None
    accepted: list[DocumentTag]
    suggested: list[DocumentTag]
    others: list[Tag]


def organised_of(document: Document) -> Organised:
    """For the document's page."""
    history = history_of(document)
    tagged = list(document.tagged.select_related("tag").order_by("tag__name"))
    shown = [one for one in tagged if one.state != DocumentTag.State.REFUSED]
    has = {one.tag_id for one in shown}
    tags = Tag.objects.filter(knowledge_base=document.knowledge_base_id)
    place = TopicDocument.objects.filter(document=document).select_related("topic").first()
    return Organised(
        history=history,
        position=next((n for n, one in enumerate(history, 1) if one.pk == document.pk), 0),
        pair=_undecided().filter(later=document, state=State.SUGGESTED).first(),
        taken=_undecided().filter(later=document, state=State.VERSION).first(),
        topic=place.topic if place else None,
        accepted=[one for one in shown if one.state == DocumentTag.State.ACCEPTED],
        suggested=[one for one in shown if one.state == DocumentTag.State.SUGGESTED],
        others=[tag for tag in tags if tag.pk not in has],
    )


def _living(pairs: QuerySet[Resemblance]) -> QuerySet[Resemblance]:
    """Of living documents, those with the newest version of the earlier one first.

    Each says as `.number` which version the later document is, or would be, of the earlier one.
    """
    both = Q(later__deleted_at=None, earlier__deleted_at=None)
    newest_first = F("earlier__superseded_by").asc(nulls_first=True)
    shown = pairs.filter(both).select_related("earlier").order_by(newest_first, "-shared", "-contained", "pk")
    mine, others = _older_than("later"), _older_than("newest")
    together = Case(When(newest=F("later"), then=1 + mine), default=2 + mine + others)
    return shown.annotate(newest=Coalesce("earlier__superseded_by", "earlier"), number=together)  # type: ignore[no-redef]


def _older_than(newest: str) -> Coalesce:
    """How many living versions the newest one of a family has superseded."""
    older = Document.objects.filter(superseded_by=OuterRef(newest), deleted_at=None).order_by()
    return Coalesce(Subquery(older.values("superseded_by").annotate(n=Count("pk")).values("n")), 0)


def _undecided() -> QuerySet[Resemblance]:
    """Pairs that nobody has decided about: suggested ones, unless both are of one family, and those that were taken
    for versions."""
    suggested = Q(state=State.SUGGESTED, later__superseded_by=None) & ~Q(earlier__superseded_by=F("later"))
    return _living(Resemblance.objects.filter(suggested | Q(state=State.VERSION, decided_by_person=False)))


def with_marks(documents: QuerySet[Document]) -> QuerySet[Document]:
    """The documents with what their rows show: `.shown_tags`, `.superseded_by`, `.pairs` (nobody has decided yet)."""
    tags = DocumentTag.objects.exclude(state=DocumentTag.State.REFUSED).select_related("tag").order_by("tag__name")
    pairs = _undecided().filter(later__superseded_by=None)
    return documents.select_related("superseded_by").prefetch_related(
        Prefetch("tagged", tags, to_attr="shown_tags"), Prefetch("resembles", pairs, to_attr="pairs")
    )


def pair_of(document: Document, state: str) -> Resemblance | None:
    """What a row says of it: what it looks like (suggested) or was taken for (version). No query after `with_marks`."""
    pairs = getattr(document, "pairs", None)
    if pairs is None:
        pairs = _undecided().filter(later=document, later__superseded_by=None)
    return next((pair for pair in pairs if pair.state == state), None)


def accepted_tags(document: Document) -> list[str]:
    """The names of its accepted tags; no query where `with_marks` has brought them."""
    rows = getattr(document, "shown_tags", None)
    if rows is None:
        rows = document.tagged.select_related("tag").order_by("tag__name")
    return [one.tag.name for one in rows if one.state == DocumentTag.State.ACCEPTED]


def with_tag(documents: QuerySet[Document], tag: int) -> QuerySet[Document]:
    """Those for which this tag was accepted."""
    return documents.filter(tagged__tag=tag, tagged__state=DocumentTag.State.ACCEPTED)


def marks_of(document: Document) -> str:
    """What a row shows of it, as one short text: it differs when something of it has changed."""
    tags = [f"{one.tag_id}{one.state[0]}" for one in getattr(document, "shown_tags", [])]
    pairs = [f"{one.pk}{one.state[0]}{one.number}" for one in getattr(document, "pairs", [])]
    return ":".join((str(document.superseded_by_id or ""), *tags, *pairs))
