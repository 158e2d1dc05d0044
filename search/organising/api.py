"""The API of topics, tags and versions."""

from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema

from kb.access import get_readable, get_readable_document, get_writable_document
from kb.request import Request
from search.models import DocumentTag, Tag, Topic, TopicDocument
from search.organising.families import history_of
from search.organising.tag_views import counted_tags
from search.organising.tags import decide

router = Router(tags=["Topics, tags and versions"])


class TopicOut(Schema):
    id: int
    name: str
    words: list[str] = Field(description="The most telling first.")
    documents: list[UUID] = Field(description="The nearest to the topic's middle first.")


class TagOut(Schema):
    id: int
    name: str
    description: str
    accepted: int = Field(description="Documents that have it.")
    suggested: int = Field(description="Documents that may fit; nobody has decided yet.")


class VersionOut(Schema):
    id: UUID
    title: str
    name: str
    is_newest: bool


@router.get("/knowledge-bases/{uuid:id}/topics", response=list[TopicOut], summary="What its documents are about")
def topics(request: Request, id: UUID):
    base = get_readable(request.user, id)
    members: dict[int, list[UUID]] = {topic: [] for topic in base.topics.values_list("pk", flat=True)}
    living = TopicDocument.objects.filter(topic__knowledge_base=base, document__deleted_at=None)
    for topic, document in living.order_by("-similarity", "pk").values_list("topic", "document"):
        members[topic].append(document)
    return [
        {"id": topic.pk, "name": topic.name, "words": topic.words, "documents": members[topic.pk]}
        for topic in Topic.objects.filter(knowledge_base=base)
    ]


@router.get("/knowledge-bases/{uuid:id}/tags", response=list[TagOut], summary="Its tags")
def tags(request: Request, id: UUID):
    return list(counted_tags(get_readable(request.user, id)))


@router.get("/documents/{uuid:id}/versions", response=list[VersionOut], summary="All versions of a document")
def versions(request: Request, id: UUID):
    """The oldest first; empty where there is but this one."""
    history = history_of(get_readable_document(request.user, id))
    return [
        {"id": each.pk, "title": each.title, "name": each.name, "is_newest": each is history[-1]} for each in history
    ]


@router.put("/documents/{uuid:id}/tags/{int:tag}", response={204: None}, summary="Give it a tag")
def put_tag(request: Request, id: UUID, tag: int):
    """The tag must be one of its knowledge base's."""
    return _decide(request, id, tag, DocumentTag.State.ACCEPTED)


@router.delete("/documents/{uuid:id}/tags/{int:tag}", response={204: None}, summary="Take a tag off")
def delete_tag(request: Request, id: UUID, tag: int):
    """It is not suggested for this document again."""
    return _decide(request, id, tag, DocumentTag.State.REFUSED)


def _decide(request: Request, id: UUID, tag: int, state: str):
    document = get_writable_document(request.user, id)
    decide(get_object_or_404(Tag, knowledge_base=document.knowledge_base, pk=tag), [document], state)
    return 204, None
