"""Which passage a document is opened at, and what to say if it is no longer there."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import Http404, QueryDict
from django.utils.translation import gettext as _

from ingestion.boxes import Box, boxes_as_cited, boxes_by_page
from ingestion.reading import Place, Span, overlaps, span_of, text_between
from kb.models import Chunk, Document, Section, User
from search.models import Citation


@dataclass(frozen=True)
class Opened:
    """The place, if there is one; the citation that led here; a sentence where the text is another by now."""

    place: Place | None = None
    citation: Citation | None = None
    page: int | None = None
    boxes: tuple[tuple[float, ...], ...] = ()
    said: str = ""


def open_at(document: Document, user: User, query: QueryDict) -> Opened:
    """What the address asks for: a citation of the person's own, a chunk, or a stretch of the text."""
    if citation := _number(query.get("citation")):
        return _at_citation(document, user, citation)
    if chunk := _number(query.get("chunk")):
        return _at_chunk(document, chunk, _spans(query.getlist("mark")))
    start, end = _number(query.get("start")), _number(query.get("end"))
    if start is not None and end is not None and start < end:
        return Opened(Place((start, end), _spans(query.getlist("mark"))))
    return Opened()


def covering(document: Document, span: Span) -> QuerySet[Section]:
    """The sections that a stretch of the document's text lies in."""
    sections = Section.objects.filter(document=document)
    first = sections.filter(start__lte=span[0]).order_by("-ordinal").values_list("ordinal", flat=True).first()
    return sections.filter(ordinal__gte=first or 0, start__lt=span[1]).order_by("ordinal")


def boxes_on_pages(document: Document, opened: Opened) -> dict[int, list[Box]]:
    """Where the place stands on the pages: by the lines as they were parsed, else as it was kept when it was cited."""
    if opened.place:
        found = boxes_by_page(covering(document, opened.place.passage), opened.place)
        if found:
            return found
    return boxes_as_cited(opened.boxes)


def _at_citation(document: Document, user: User, pk: int) -> Opened:
    mine = Citation.objects.filter(pk=pk, document=document, message__conversation__user=user)
    citation = mine.select_related("message").first()
    if citation is None:
        raise Http404
    sentences = tuple((start, end) for start, end in citation.marks)
    span = (citation.start, citation.end)
    if text_between(list(covering(document, span)), *span) == citation.text:
        return Opened(Place(span, sentences), citation, citation.page, tuple(map(tuple, citation.boxes)))
    return _moved(document, citation, sentences)


def _moved(document: Document, citation: Citation, sentences: tuple[Span, ...]) -> Opened:
    """The text was parsed anew since: look for the same passage elsewhere."""
    beginning = citation.text[:120].split("\n")[0]
    for section in Section.objects.filter(document=document, text__contains=beginning)[:20] if beginning else ():
        start = section.start + section.text.index(beginning)
        span = (start, start + len(citation.text))
        if text_between(list(covering(document, span)), *span) == citation.text:
            shift = start - citation.start
            moved = tuple((a + shift, b + shift) for a, b in sentences)
            return Opened(Place(span, moved), citation, section.page)
    return Opened(citation=citation, said=_("The document has changed since this passage was cited."))


def _at_chunk(document: Document, pk: int, sentences: tuple[Span, ...]) -> Opened:
    chunk = Chunk.objects.filter(pk=pk, document=document).first()
    if chunk is None:
        return Opened(said=_("The document has changed since this passage was found."))
    span = (chunk.start, chunk.end)
    inside = tuple(each for each in sentences if overlaps(each, span))
    return Opened(Place(span, inside), page=chunk.page, boxes=tuple(map(tuple, chunk.boxes)))


def page_of(document: Document, opened: Opened) -> int | None:
    """The page to open: that of the first marked sentence, or where the passage begins."""
    if opened.place:
        for section in covering(document, opened.place.opens_at):
            lines = [line for line in section.lines if overlaps((line[0], line[1]), opened.place.opens_at)]
            if lines:
                return int(lines[0][2])
            if section.page and overlaps(span_of(section), opened.place.opens_at):
                return section.page
    return opened.page


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None


def _spans(texts: list[str]) -> tuple[Span, ...]:
    """ "12-34" as (12, 34); what is none is passed over."""
    ends = [(_number(start), _number(end)) for start, _dash, end in (text.partition("-") for text in texts[:50])]
    return tuple((a, b) for a, b in ends if a is not None and b is not None and a < b)
