"""The text of a document, a piece at a time."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from ingestion.mcp.calls import Refusal
from kb.models import Document, Section

ADDRESS = "lectern://documents/"
BETWEEN = "\n\n"  # of two sections


@dataclass(frozen=True)
class Piece:
    """[start, end) of a document's text, of `characters` in all."""

    text: str
    start: int
    end: int
    characters: int

    @property
    def next_start(self) -> int | None:
        """Where what follows begins, if anything does."""
        return self.end if self.end < self.characters else None


def uri_of(document: UUID) -> str:
    """A document's address among the resources."""
    return f"{ADDRESS}{document}"


def sections_of(document: Document) -> QuerySet[Section]:
    """Its sections in order. Raises Refusal where it has no text (yet)."""
    sections = Section.objects.filter(document=document).order_by("ordinal")
    if not sections.exists():
        raise Refusal(_why_not(document))
    return sections


def _why_not(document: Document) -> str:
    if document.is_unfinished:
        return _("“%(title)s” has not been read yet; try again in a while.") % {"title": document.title}
    return _("There is no text of “%(title)s”. %(why)s") % {"title": document.title, "why": document.error}


def length_of(sections: QuerySet[Section]) -> int:
    """Characters of the whole text."""
    last = sections.last()
    return last.start + len(last.text) if last else 0


def piece_of(document: Document, start: int, end: int) -> Piece:
    """[start, end) of its text, as far as there is text. Raises Refusal where nothing is there."""
    sections = sections_of(document)
    characters = length_of(sections)
    if start >= characters:
        said = _("The text of “%(title)s” has %(n)d characters; it ends before %(start)d.")
        raise Refusal(said % {"title": document.title, "n": characters, "start": start})
    first = sections.filter(start__lte=start).last() or sections[0]
    texts = sections.filter(ordinal__gte=first.ordinal, start__lt=end).values_list("text", flat=True)
    text = BETWEEN.join(texts)[start - first.start : end - first.start]
    return Piece(text, start, start + len(text), characters)


def page_place(document: Document, page: int) -> tuple[int, int]:
    """[start, end) of a page. Raises Refusal where the document has no such page."""
    sections = sections_of(document)
    on_it = list(sections.filter(page=page))
    if not on_it:
        there = sections.exclude(page=None).order_by("page").last()
        said = (
            _("“%(title)s” has no text on page %(page)d; its last page with text is %(last)d.")
            if there
            else _("“%(title)s” has no pages; read it by its characters, or by a heading.")
        )
        raise Refusal(said % {"title": document.title, "page": page, "last": there.page if there else 0})
    return on_it[0].start, on_it[-1].start + len(on_it[-1].text)


def heading_place(document: Document, heading: str) -> tuple[int, int]:
    """[start, end) of a heading with all that is below it. Raises Refusal where there is no such heading."""
    sections = sections_of(document)
    headings = list(sections.filter(kind=Section.Kind.HEADING))
    wanted = heading.strip().casefold()
    for at, one in enumerate(headings):
        if one.text.strip().casefold() == wanted:
            after = (other.start for other in headings[at + 1 :] if other.depth <= one.depth)
            return one.start, next(after, length_of(sections))
    said = _("There is no heading “%(heading)s” in “%(title)s”. Its headings: %(headings)s")
    named = "; ".join(one.text for one in headings[:40]) or "-"
    raise Refusal(said % {"heading": heading[:200], "title": document.title, "headings": named})
