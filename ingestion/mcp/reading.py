"""The tools that read: which knowledge bases there are, and the text of a document."""

from typing import Annotated
from uuid import UUID

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ingestion.mcp.calls import Caller
from ingestion.mcp.texts import heading_place, page_place, piece_of, sections_of, uri_of
from kb.access import get_readable_document, readable_by, writable_by
from kb.models import Document, Section

USUAL, MOST = 10_000, 40_000  # characters of one reading
OUTLINE = 200  # headings that are named


class Input(BaseModel):
    """What a tool is called with; a field that nobody knows is an error and not passed over."""

    model_config = ConfigDict(extra="forbid")


class Nothing(Input):
    """No arguments."""


class KnowledgeBase(BaseModel):
    id: UUID
    name: str
    description: str
    documents: int = Field(description="How many documents can be found in it.")
    writable: bool = Field(description="Whether add_document may add to it.")


class KnowledgeBases(BaseModel):
    knowledge_bases: list[KnowledgeBase]


class ReadIn(Input):
    document: UUID = Field(description="A document's id, as search and ask name it.")
    start: int | None = Field(None, ge=0, description="Where to begin, in characters of its text.")
    length: int = Field(USUAL, ge=1, le=MOST, description="How many characters at the most.")
    page: int | None = Field(None, ge=1, description="Read this page.")
    heading: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)] | None = Field(
        None, description="Read what stands below this heading, as the outline names it."
    )

    @model_validator(mode="after")
    def one_of_them(self) -> "ReadIn":
        if sum(given is not None for given in (self.start, self.page, self.heading)) > 1:
            raise ValueError(_("Give one of start, page and heading."))
        return self


class Heading(BaseModel):
    heading: str
    depth: int = Field(description="1 is the highest.")
    start: int
    page: int | None


class ReadOut(BaseModel):
    document: UUID
    title: str
    name: str = Field(description="The file's.")
    knowledge_base: UUID
    uri: str
    text: str
    start: int
    end: int
    next_start: int | None = Field(description="Call again with this start for what follows; null at the end.")
    characters: int = Field(description="Of its whole text.")
    pages: int | None
    outline: list[Heading] = Field(description="Its headings, when it is read from the beginning.")


def list_knowledge_bases(caller: Caller, asked: Nothing) -> KnowledgeBases:
    """Those that the caller may read."""
    ready = Count("documents", filter=Q(documents__deleted_at=None, documents__status=Document.Status.READY))
    writable = set(writable_by(caller.user).values_list("pk", flat=True))
    return KnowledgeBases(
        knowledge_bases=[
            KnowledgeBase(
                id=one.pk, name=one.name, description=one.description, documents=one.ready, writable=one.pk in writable
            )
            for one in readable_by(caller.user).annotate(ready=ready).order_by("name", "created_at")
        ]
    )


def read_document(caller: Caller, asked: ReadIn) -> ReadOut:
    """A piece of its text. Raises Refusal and Http404."""
    document = get_readable_document(caller.user, asked.document)
    start, end = _place(document, asked)
    piece = piece_of(document, start, min(end, start + asked.length))
    return ReadOut(
        document=document.pk,
        title=document.title,
        name=document.name,
        knowledge_base=document.knowledge_base_id,
        uri=uri_of(document.pk),
        text=piece.text,
        start=piece.start,
        end=piece.end,
        next_start=piece.next_start,
        characters=piece.characters,
        pages=document.pages,
        outline=_outline(document) if piece.start == 0 else [],
    )


def _place(document: Document, asked: ReadIn) -> tuple[int, int]:
    if asked.page is not None:
        return page_place(document, asked.page)
    if asked.heading is not None:
        return heading_place(document, asked.heading)
    start = asked.start or 0
    return start, start + asked.length


def _outline(document: Document) -> list[Heading]:
    headings = sections_of(document).filter(kind=Section.Kind.HEADING)[:OUTLINE]
    return [Heading(heading=one.text, depth=one.depth, start=one.start, page=one.page) for one in headings]
