"""Say which document says what, where an answer rests on several."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from uuid import UUID

from search.models import Citation


def names_of(citations: Iterable[Citation]) -> dict[UUID | None, str]:
    """Document -> what it is called beside a number: its title, or its file name where two have the same title."""
    titles = {citation.document_id: citation for citation in citations}
    shared = Counter(citation.title for citation in titles.values())
    return {pk: _name(citation, is_shared=shared[citation.title] > 1) for pk, citation in titles.items()}


def _name(citation: Citation, *, is_shared: bool) -> str:
    return citation.document.name if is_shared and citation.document else citation.title


def by_document(citations: Iterable[Citation]) -> list[list[Citation]]:
    """The citations of each document together, in the order of their first numbers."""
    numbered = sorted(citations, key=lambda one: one.number)
    first = {citation.document_id: citation.number for citation in reversed(numbered)}
    together = sorted(numbered, key=lambda one: (first[one.document_id], one.number))
    return [list(group) for _, group in groupby(together, key=lambda one: one.document_id)]
