"""The tools that ask: passages for a query, an answer to a question."""

from contextlib import closing
from typing import Annotated, Literal
from uuid import UUID

from django.utils.translation import gettext as _
from pydantic import BaseModel, Field, StringConstraints

from ingestion.mcp.calls import Caller, Refusal
from ingestion.mcp.reading import Input
from ingestion.mcp.texts import uri_of
from kb.access import chosen_among, readable_by
from kb.models import Document
from search.cite import Source
from search.openai_api.answer import Found, Written, find, write
from search.openai_api.question import Question
from search.passage import Passage
from search.retrieve import retrieve

Asked = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class Scope(Input):
    """Where to look."""

    knowledge_bases: list[UUID] = Field(
        [], max_length=200, description="Ids, as list_knowledge_bases names them. None: all that may be read."
    )


class SearchIn(Scope):
    query: Asked = Field(description="What to look for: a question, or some words.")
    limit: int = Field(8, ge=1, le=50, description="How many passages at the most.")
    mode: Literal["hybrid", "vector", "keyword"] = Field(
        "hybrid", description="By meaning and by words, or by one of them alone."
    )


class AskIn(Scope):
    question: Asked = Field(description="A whole question that can be understood alone.")


class PassageOut(BaseModel):
    document: UUID
    title: str
    knowledge_base: UUID
    uri: str = Field(description="The document as a resource.")
    page: int | None
    heading: str
    text: str
    start: int = Field(description="Where it begins in the document's text: read_document reads on from there.")
    end: int
    score: float = Field(description="0 to 1, the higher the better.")


class SearchOut(BaseModel):
    passages: list[PassageOut] = Field(description="The best first.")
    notes: list[str]


class CitationOut(BaseModel):
    number: int = Field(description="The answer cites it as [number].")
    is_cited: bool = Field(description="False: it was found, and the answer does not use it.")
    document: UUID
    title: str
    uri: str
    page: int | None
    heading: str
    text: str
    start: int
    end: int


class ClosestOut(BaseModel):
    document: UUID
    title: str
    knowledge_base: UUID
    uri: str


class AskOut(BaseModel):
    answer: str = Field(description="Markdown.")
    answered: bool = Field(description="False: nothing in the documents answers it; the nearest passages follow.")
    citations: list[CitationOut]
    closest: list[ClosestOut] = Field(description="Where nothing answers it: the documents that come closest.")
    written_by: str = Field(description="The language model; empty: these are the passages' own sentences.")
    notes: list[str]


def search(caller: Caller, asked: SearchIn) -> SearchOut:
    """The best passages."""
    scope = chosen_among(readable_by(caller.user), asked.knowledge_bases)
    found = retrieve(asked.query, knowledge_bases=scope, mode=asked.mode, limit=asked.limit)
    return SearchOut(passages=[_passage(one) for one in found.passages], notes=[str(note) for note in found.notes])


def ask(caller: Caller, asked: AskIn) -> AskOut:
    """An answer out of the documents alone, by the language model where there is one. It is kept nowhere."""
    scope = chosen_among(readable_by(caller.user), asked.knowledge_bases)
    found = find(Question(asked.question), scope)
    end = _written(caller, found)
    return AskOut(
        answer=end.text.strip(),
        answered=end.answered,
        citations=[_citation(one) for one in end.sources],
        closest=[_closest(one) for one in end.closest],
        written_by=end.writer,
        notes=list(end.notes),
    )


def _written(caller: Caller, found: Found) -> Written:
    """The whole answer; a caller who is gone ends the model's work, also while it is silent. Raises Refusal."""
    with closing(write(found, address=uri_of)) as pieces:
        for piece in pieces:
            if isinstance(piece, Written):
                return piece
            if caller.gone.is_set():
                break
    raise Refusal(_("The answer was not finished: nobody waited for it."))


def _passage(passage: Passage) -> PassageOut:
    return PassageOut(
        document=passage.document_id,
        title=passage.title,
        knowledge_base=passage.knowledge_base_id,
        uri=uri_of(passage.document_id),
        page=passage.page,
        heading=passage.heading,
        text=passage.text,
        start=passage.start,
        end=passage.end,
        score=passage.score,
    )


def _closest(document: Document) -> ClosestOut:
    return ClosestOut(
        document=document.pk,
        title=document.title,
        knowledge_base=document.knowledge_base_id,
        uri=uri_of(document.pk),
    )


def _citation(source: Source) -> CitationOut:
    return CitationOut(
        number=source.number,
        is_cited=source.is_cited,
        document=source.document_id,
        title=source.title,
        uri=uri_of(source.document_id),
        page=source.page,
        heading=" > ".join(source.heading_path),
        text=source.text,
        start=source.start,
        end=source.end,
    )
