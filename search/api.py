"""The API of questions."""

from dataclasses import asdict
from typing import Annotated, Literal
from uuid import UUID

from ninja import Router, Schema
from pydantic import AliasChoices, Field, StringConstraints

from kb.access import chosen_among, readable_by
from kb.api import Input
from kb.api_keys import keys
from kb.models import ApiKey, KnowledgeBase
from kb.request import Request
from search.about import about
from search.ask import answer_once
from search.cite import Source
from search.explain import Candidate
from search.passage import Passage, Twin
from search.retrieve import retrieve

router = Router(tags=["Questions"])

Question = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Mode = Literal["hybrid", "vector", "keyword"]


class Scope(Input):
    """Where to look and how."""

    knowledge_bases: list[UUID] = Field([], max_length=200, description="None: all that you may read.")
    mode: Mode = Field("hybrid", description="By meaning and by words, or by one of them alone.")
    documents: int = Field(0, ge=0, le=20, description="How many documents that are about it as wholes to name, too.")


class SearchIn(Scope):
    query: Question
    top_k: int = Field(10, ge=1, le=50, description="How many passages at the most.")
    explain: bool = Field(False, description="Say of every candidate what became of it, and why.")


class AnswerIn(Scope):
    question: Question = Field(validation_alias=AliasChoices("question", "query"))


class TwinOut(Schema):
    chunk: int
    document: UUID
    title: str
    page: int | None
    start: int
    end: int


class PassageOut(Schema):
    chunk: int
    document: UUID
    knowledge_base: UUID
    title: str
    page: int | None
    heading: str
    text: str
    score: float
    similarity: float | None = Field(description="The cosine to the question, where the passage was found by meaning.")
    ranks: dict[str, int] = Field(description="Its place in each ranking that found it.")
    start: int = Field(description="Where the passage begins in the document's text, in characters.")
    end: int
    marks: list[tuple[int, int]] = Field(description="The sentences that answer best: places in the document's text.")
    rerank_score: float | None = Field(None, description="The reranking model's, where one has read it.")
    also_in: list[TwinOut] = Field([], description="Where other documents say the same.")


class CandidateOut(Schema):
    chunk: int
    fate: Literal["shown", "joined", "folded", "below", "gone"]
    into: int | None = Field(description="The chunk of the passage that it was joined to or folded into.")
    document: UUID | None
    knowledge_base: UUID | None
    title: str
    ranks: dict[str, int] = Field(description="Its place by meaning, by words, and that of its whole document.")
    shares: dict[str, float] = Field(description="What each of them gave to the score.")
    score: float
    similarity: float | None
    keyword_score: float | None = Field(description="BM25's.")
    rerank_score: float | None
    place: int | None = Field(description="Among all, by the score or the reranking model, before the rules.")
    moved: list[str] = Field(description="The rules that put it further down: superseded, beyond.")


class DocumentAbout(Schema):
    document: UUID
    knowledge_base: UUID
    title: str
    similarity: float = Field(description="The cosine of the whole text to the question.")
    superseded: bool = Field(description="There is a newer version of it.")
    passages: list[PassageOut] = Field(description="Its nearest passages.")


class Passages(Schema):
    passages: list[PassageOut]
    documents: list[DocumentAbout]
    notes: list[str]
    milliseconds: int
    candidates: list[CandidateOut] | None = Field(None, description="With `explain`: all that was looked at.")


class CitationOut(Schema):
    number: int = Field(description="The answer cites it as [number].")
    is_cited: bool = Field(description="False: it was found, and the answer does not use it.")
    chunk: int | None
    document: UUID
    title: str
    page: int | None
    heading: str
    text: str
    start: int
    end: int
    marks: list[tuple[int, int]]


class Closest(Schema):
    document: UUID
    knowledge_base: UUID
    title: str


class AnswerOut(Schema):
    answer: str
    answered: bool
    citations: list[CitationOut]
    closest: list[Closest] = Field(description="Where nothing answers it: the documents that come closest.")
    documents: list[DocumentAbout]
    notes: list[str]


def _passage(passage: Passage) -> PassageOut:
    return PassageOut(
        chunk=passage.chunk_id,
        document=passage.document_id,
        knowledge_base=passage.knowledge_base_id,
        title=passage.title,
        page=passage.page,
        heading=passage.heading,
        text=passage.text,
        score=passage.score,
        similarity=passage.similarity,
        ranks=passage.ranks,
        start=passage.start,
        end=passage.end,
        marks=list(passage.marks),
        rerank_score=passage.rerank_score,
        also_in=[_twin(twin) for twin in passage.also_in],
    )


def _twin(twin: Twin) -> TwinOut:
    return TwinOut(
        chunk=twin.chunk_id, document=twin.document_id, title=twin.title, page=twin.page, start=twin.start, end=twin.end
    )


def _documents(question: str, scope: list[KnowledgeBase], limit: int) -> list[DocumentAbout]:
    return [
        DocumentAbout(
            document=one.document.pk,
            knowledge_base=one.document.knowledge_base_id,
            title=one.document.title,
            similarity=one.similarity,
            superseded=one.document.superseded_by_id is not None,
            passages=[_passage(passage) for passage in one.reasons],
        )
        for one in about(question, knowledge_bases=scope, limit=limit)
    ]


def _citation(citation: Source) -> CitationOut:
    return CitationOut(
        number=citation.number,
        is_cited=citation.is_cited,
        chunk=citation.chunk_id,
        document=citation.document_id,
        title=citation.title,
        page=citation.page,
        heading=" > ".join(citation.heading_path),
        text=citation.text,
        start=citation.start,
        end=citation.end,
        marks=list(citation.marks),
    )


def _candidate(candidate: Candidate) -> CandidateOut:
    values = asdict(candidate)
    named = {name: values.pop(f"{name}_id") for name in ("chunk", "document", "knowledge_base")}
    return CandidateOut(**named, **values)


@router.post("/search", response=Passages, summary="Find passages")
def search(request: Request, body: SearchIn):
    """The best first."""
    scope = chosen_among(readable_by(request.user), body.knowledge_bases)
    found = retrieve(body.query, knowledge_bases=scope, mode=body.mode, limit=body.top_k)
    return {
        "passages": [_passage(passage) for passage in found.passages],
        "documents": _documents(body.query, scope, body.documents),
        "notes": [str(note) for note in found.notes],
        "milliseconds": round(found.milliseconds),
        "candidates": [_candidate(one) for one in found.candidates] if body.explain else None,
    }


@router.post("/answer", response=AnswerOut, summary="Answer a question", auth=keys(ApiKey.Scope.ASK))
def answer(request: Request, body: AnswerIn):
    """Made of your documents alone; `answered` is false where nothing in them answers it."""
    scope = chosen_among(readable_by(request.user), body.knowledge_bases)
    found = answer_once(body.question, knowledge_bases=scope, mode=body.mode)
    return {
        "answer": found.answer,
        "answered": found.is_answered,
        "citations": [_citation(citation) for citation in found.citations],
        "closest": [
            {"document": one.pk, "knowledge_base": one.knowledge_base_id, "title": one.title} for one in found.closest
        ],
        "documents": _documents(body.question, scope, body.documents),
        "notes": [str(note) for note in found.notes],
    }
