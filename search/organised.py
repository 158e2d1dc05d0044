"""What is known of a document's place among others: versions, topic, tags."""

from dataclasses import dataclass

from django.db.models import F, Prefetch, Q, QuerySet

from kb.models import Document
from search.families import history_of
from search.models import DocumentTag, Resemblance, Tag, Topic, TopicDocument

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
    pairs = _living(document.resembles.all())
    return Organised(
        history=history,
        position=next((n for n, one in enumerate(history, 1) if one.pk == document.pk), 0),
        pair=pairs.filter(state=State.SUGGESTED, later__superseded_by=None).first(),
        taken=pairs.filter(state=State.VERSION, decided_by_person=False).first(),
        topic=place.topic if place else None,
        accepted=[one for one in shown if one.state == DocumentTag.State.ACCEPTED],
        suggested=[one for one in shown if one.state == DocumentTag.State.SUGGESTED],
        others=[tag for tag in tags if tag.pk not in has],
    )


def _living(pairs: QuerySet[Resemblance]) -> QuerySet[Resemblance]:
    """Of living documents, those with the newest version of the earlier one first."""
    both = Q(later__deleted_at=None, earlier__deleted_at=None)
    newest_first = F("earlier__superseded_by").asc(nulls_first=True)
    return pairs.filter(both).select_related("earlier").order_by(newest_first, "-shared", "-contained", "pk")


def with_marks(documents: QuerySet[Document]) -> QuerySet[Document]:
    """The documents with what their rows show: `.shown_tags`, `.pairs` (to be decided), `.superseded_by`."""
    tags = DocumentTag.objects.exclude(state=DocumentTag.State.REFUSED).select_related("tag").order_by("tag__name")
    pairs = _living(Resemblance.objects.filter(state=State.SUGGESTED, later__superseded_by=None))
    return documents.select_related("superseded_by").prefetch_related(
        Prefetch("tagged", tags, to_attr="shown_tags"), Prefetch("resembles", pairs, to_attr="pairs")
    )


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
    pairs = [str(one.pk) for one in getattr(document, "pairs", [])]
    return ":".join((str(document.superseded_by_id or ""), *tags, *pairs))
