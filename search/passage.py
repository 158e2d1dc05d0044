"""A passage: a piece of a document that was found for a question."""

from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True)
class Passage:
    """A chunk as it was found. `start` and `end` are offsets in the document's text, of which `text` is the slice.

    `ranks` says at which place (from 1) each leg ("vector", "keyword") had it, `similarity` is the cosine to the
    question where the vector leg found it, `score` the fused one. `marks` are [start, end) offsets in the document's
    text of the sentences that answer best.
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
    marks: tuple[tuple[int, int], ...] = ()

    @property
    def heading(self) -> str:
        """The headings above the passage, as one line."""
        return " > ".join(self.heading_path)
