"""The API of knowledge bases."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import ConfigDict, Field, StringConstraints

from kb.access import get_manageable, may_create, readable_by
from kb.api_errors import ApiError
from kb.models import KnowledgeBase, Membership, Role, User
from kb.request import Request

router = Router(tags=["Knowledge bases"])

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=400)]


class Input(Schema):
    """A body; a field that nobody knows is an error and not passed over."""

    model_config = ConfigDict(extra="forbid")


class KnowledgeBaseIn(Input):
    name: Name
    description: Description = ""


class KnowledgeBaseChange(Input):
    name: Name | None = None
    description: Description | None = None
    open_to_everyone: bool | None = Field(None, description="Everyone who can sign in may ask and read.")


class KnowledgeBaseOut(Schema):
    id: UUID
    name: str
    description: str
    open_to_everyone: bool
    documents: int = Field(description="How many documents are in it.")
    documents_ready: int = Field(description="How many of them can be found.")
    created_at: datetime


class KnowledgeBases(Schema):
    knowledge_bases: list[KnowledgeBaseOut]


def _counted(knowledge_bases: QuerySet[KnowledgeBase]) -> QuerySet[KnowledgeBase]:
    living = Q(documents__deleted_at=None)
    return knowledge_bases.annotate(
        number=Count("documents", filter=living),
        number_ready=Count("documents", filter=living & Q(documents__status="ready")),
    ).order_by("name", "created_at")  # said again, as counting forgets it


def _out(knowledge_base: KnowledgeBase) -> KnowledgeBaseOut:
    return KnowledgeBaseOut(
        id=knowledge_base.pk,
        name=knowledge_base.name,
        description=knowledge_base.description,
        open_to_everyone=knowledge_base.open_to_everyone,
        documents=knowledge_base.number,  # type: ignore[attr-defined]  # _counted adds it
        documents_ready=knowledge_base.number_ready,  # type: ignore[attr-defined]
        created_at=knowledge_base.created_at,
    )


def _show(user: User, pk: UUID) -> KnowledgeBaseOut:
    return _out(get_object_or_404(_counted(readable_by(user)), pk=pk))


@router.post("/knowledge-bases", response={201: KnowledgeBaseOut}, summary="Make a knowledge base")
def create(request: Request, body: KnowledgeBaseIn):
    """You become its manager."""
    if not may_create(request.user):
        raise ApiError(403, _("This key is for certain knowledge bases, so it cannot make another."))
    with transaction.atomic():
        made = KnowledgeBase.objects.create(name=body.name, description=body.description, created_by=request.user)
        Membership.objects.create(knowledge_base=made, user=request.user, role=Role.MANAGER)
    return 201, _show(request.user, made.pk)


@router.get("/knowledge-bases", response=KnowledgeBases, summary="The knowledge bases that you may read")
def list_all(request: Request):
    return {"knowledge_bases": [_out(each) for each in _counted(readable_by(request.user))]}


@router.get("/knowledge-bases/{uuid:id}", response=KnowledgeBaseOut, summary="One knowledge base")
def show(request: Request, id: UUID):
    return _show(request.user, id)


@router.patch("/knowledge-bases/{uuid:id}", response=KnowledgeBaseOut, summary="Change what is given")
def change(request: Request, id: UUID, body: KnowledgeBaseChange):
    """Only its managers may."""
    knowledge_base = get_manageable(request.user, id)
    changes = body.model_dump(exclude_none=True)
    for field, value in changes.items():
        setattr(knowledge_base, field, value)
    knowledge_base.save(update_fields=list(changes))
    return _show(request.user, id)


@router.delete("/knowledge-bases/{uuid:id}", response={204: None}, summary="Delete it with all its documents")
def delete(request: Request, id: UUID):
    """Only its managers may. It is gone from every page and search at once; its files and vectors follow."""
    knowledge_base = get_manageable(request.user, id)
    knowledge_base.deleted_at = timezone.now()
    knowledge_base.save(update_fields=["deleted_at"])
    return 204, None
