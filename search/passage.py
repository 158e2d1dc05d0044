"""A passage: a piece of a document that was found for a question."""

from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True)
class Part:
    """A section that a passage has some of: [start, end) in the document's text, what it is, and where it stands."""

    start: int
    end: int
    kind: str
    page: int | None
    heading_path: tuple[str, ...]


@dataclass(frozen=True)
class Twin:
    """A passage that says the same as the one that carries it, in its own document or another. Offsets as there."""

    chunk_id: int
    document_id: UUID
    title: str
    page: int | None
    start: int
    end: int


@dataclass(frozen=True)
class Passage:
    """A chunk as it was found. `start` and `end` are offsets in the document's text, of which `text` is the slice.

    `ranks` says at which place (from 1) each leg ("vector", "keyword", "document") had it, `similarity` is the cosine
    to the question where the vector leg found it, `score` the fused one (0 to 1), `shares` what each leg gave to it,
    `rerank_score` the reranking model's, `context` what a model reads above the text. `joined` are the chunks that
    became one passage with it, `twins` what was folded into it, `moved` the rules that put it further down. `marks`
    are [start, end) offsets in the document's text of the sentences that answer best. `parts` are known where
    `search.structure` was asked for them.
    """

    chunk_id: int
    document_id: UUID
    knowledge_base_id: UUID
    title: str
    text: str
    start: int
    end: int
    heading_path: tuple[str, ...] = ()
    page: int | None = None
    boxes: tuple[tuple[float, ...], ...] = ()
    score: float = 0.0
    ranks: dict[str, int] = field(default_factory=dict)
    similarity: float | None = None
    shares: dict[str, float] = field(default_factory=dict)
    rerank_score: float | None = None
    is_superseded: bool = False
    joined: tuple[int, ...] = ()
    twins: tuple[Twin, ...] = ()
    moved: tuple[str, ...] = ()
    context: str = ""
    marks: tuple[tuple[int, int], ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def read_text(self) -> str:
        """What a model reads of it: its title, headings and a table's header, then its text."""
        return f"{self.context}\n{self.text}" if self.context else self.text

    @property
    def also_in(self) -> tuple[Twin, ...]:
        """The twins in other documents, one a document."""
        others = {twin.document_id: twin for twin in reversed(self.twins) if twin.document_id != self.document_id}
        return tuple(reversed(others.values()))

    @property
    def heading(self) -> str:
        """The headings above the passage, as one line."""
        return " > ".join(self.heading_path)

    def part_at(self, offset: int) -> Part | None:
        """The last part that begins at or before this offset of the document's text."""
        return next((part for part in reversed(self.parts) if part.start <= offset), None)

    def spans(self) -> list[tuple[int, int, str]]:
        """Its parts as [start, end) of the passage's own text, with their kinds; none where all are headings.

        A heading is no sentence to answer with, unless there is nothing else.
        """
        if all(part.kind == "heading" for part in self.parts):
            return []
        return [(max(0, part.start - self.start), part.end - self.start, part.kind) for part in self.parts]
