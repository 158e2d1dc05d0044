"""The API of documents."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpResponse
from django.utils.translation import gettext as _
from ninja import Field, File, Form, Query, Router, Schema
from ninja.files import UploadedFile

from ingestion import queue
from ingestion.errors import IngestionError
from ingestion.receive import receive
from kb.access import documents_in, get_readable, get_readable_document, get_writable, get_writable_document
from kb.api_errors import ApiError, ErrorOut
from kb.files import path_of
from kb.models import Document, KnowledgeBase, Section, User
from kb.request import Request
from search.models import Resemblance
from search.organising.organised import accepted_tags, pair_of, with_marks, with_tag

router = Router(tags=["Documents"])


class LooksLikeOut(Schema):
    document: UUID = Field(description="An earlier document.")
    title: str
    version: int = Field(description="Which version of it this one would be.")
    shared: float = Field(description="How much of both together they share, 0 to 1.")


class DocumentOut(Schema):
    id: UUID
    knowledge_base: UUID
    title: str
    name: str
    folder: str
    media_type: str
    size: int = Field(description="Bytes.")
    sha256: str
    language: str
    pages: int | None
    characters: int
    status: Document.Status
    stage: Document.Stage = Field(description="Where it is while its status is queued or running.")
    progress: int = Field(description="How many passages of it are embedded ...")
    progress_total: int = Field(description="... out of how many.")
    error: str = Field(description="Why it failed, as a sentence.")
    note: str
    created_at: datetime
    ready_at: datetime | None
    superseded_by: UUID | None = Field(description="The newest version of this document, where there is a newer one.")
    looks_like: LooksLikeOut | None = Field(description="What it seems to be a version of; nobody has decided yet.")
    tags: list[str] = Field(description="Those that people have accepted.")

    @staticmethod
    def resolve_knowledge_base(document: Document) -> UUID:
        return document.knowledge_base_id

    @staticmethod
    def resolve_superseded_by(document: Document) -> UUID | None:
        return document.superseded_by_id

    @staticmethod
    def resolve_looks_like(document: Document) -> dict | None:
        pair = pair_of(document, Resemblance.State.SUGGESTED)
        if pair is None:
            return None
        earlier = {"document": pair.earlier_id, "title": pair.earlier.title}
        return {**earlier, "version": pair.number, "shared": pair.shared}

    @staticmethod
    def resolve_tags(document: Document) -> list[str]:
        return accepted_tags(document)


class Refused(Schema):
    name: str
    reason: str


class Taken(DocumentOut):
    is_new: bool = Field(description="False: this file was there before; this is the document it is.")


class UploadOut(Schema):
    documents: list[Taken]
    refused: list[Refused]


class AllRefused(ErrorOut):
    documents: list[Taken]
    refused: list[Refused]


class DocumentsOut(Schema):
    documents: list[DocumentOut]
    total: int
    limit: int
    offset: int


class Filters(Schema):
    status: Document.Status | None = None
    tag: int | None = Field(None, ge=1, lt=2**62, description="Only documents that have this tag.")
    limit: int = Field(50, ge=1, le=200)
    offset: int = Field(0, ge=0)


@router.post(
    "/knowledge-bases/{uuid:id}/documents",
    response={202: UploadOut, 207: UploadOut, 422: AllRefused},
    summary="Upload documents",
)
def upload(request: Request, id: UUID, file: File[list[UploadedFile]], folder: Form[str] = ""):
    """Several `file` parts may be sent. 202: all were taken; 207: some were refused, with reasons; 422: all were."""
    knowledge_base = get_writable(request.user, id)
    taken: list[Document] = []
    refusals: list[dict[str, str]] = []
    for each in file:
        _take(each, knowledge_base, request.user, folder, taken, refusals)
    body = {"documents": taken, "refused": refusals}
    if taken:
        return 207 if refusals else 202, body
    return 422, {**body, "error": {"code": "refused", "message": " ".join(r["reason"] for r in refusals)}}


def _take(file, knowledge_base: KnowledgeBase, user: User, folder: str, taken: list, refusals: list) -> None:
    name = file.name or ""
    try:
        received = receive(file, knowledge_base=knowledge_base, user=user, name=name, folder=folder)
    except IngestionError as error:
        refusals.append({"name": name, "reason": error.message})
    else:
        received.document.is_new = received.is_new  # type: ignore[attr-defined]  # for this answer only
        taken.append(received.document)


@router.get("/knowledge-bases/{uuid:id}/documents", response=DocumentsOut, summary="The documents of a knowledge base")
def list_documents(request: Request, id: UUID, filters: Query[Filters]):
    """The newest first."""
    found = _filtered(documents_in(KnowledgeBase.objects.filter(pk=get_readable(request.user, id).pk)), filters)
    page = with_marks(found)[filters.offset : filters.offset + filters.limit]
    return {"documents": list(page), "total": found.count(), "limit": filters.limit, "offset": filters.offset}


def _filtered(documents: QuerySet[Document], filters: Filters) -> QuerySet[Document]:
    if filters.tag is not None:
        documents = with_tag(documents, filters.tag)
    return documents.filter(status=filters.status) if filters.status else documents


@router.get("/documents/{uuid:id}", response=DocumentOut, summary="One document, and how far it is")
def show(request: Request, id: UUID):
    return get_readable_document(request.user, id)


@router.get("/documents/{uuid:id}/original", summary="The file as it was uploaded")
def original(request: Request, id: UUID):
    document = get_readable_document(request.user, id)
    try:
        file = path_of(document.sha256).open("rb")
    except FileNotFoundError:
        raise Http404 from None
    return FileResponse(file, as_attachment=True, filename=document.name, content_type="application/octet-stream")


@router.get("/documents/{uuid:id}/text", summary="Its text, in which passages have their places")
def text(request: Request, id: UUID):
    document = get_readable_document(request.user, id)
    texts = Section.objects.filter(document=document).order_by("ordinal").values_list("text", flat=True)
    return HttpResponse("\n\n".join(texts), content_type="text/plain; charset=utf-8")


@router.post("/documents/{uuid:id}/retry", response={202: DocumentOut, 409: ErrorOut}, summary="Try it again")
def retry(request: Request, id: UUID):
    """For documents that failed or were cancelled."""
    document = get_writable_document(request.user, id)
    if not queue.retry(document):
        raise ApiError(409, _("Only a document that failed or was cancelled can be tried again."))
    document.refresh_from_db()
    return 202, document


@router.delete("/documents/{uuid:id}", response={204: None}, summary="Delete it")
def delete(request: Request, id: UUID):
    """It is gone from every page and search at once; its file and vectors follow."""
    queue.delete(get_writable_document(request.user, id))
    return 204, None
