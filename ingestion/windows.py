"""The part of a document that the viewer shows at once: some sections of its text, or some of its pages."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import QueryDict

from ingestion.boxes import Box
from ingestion.errors import IngestionError
from ingestion.opened import Opened, boxes_on_pages, page_of
from ingestion.reading import Block, Place, blocks_of
from ingestion.render import page_sizes
from kb.files import path_of
from kb.models import Document, Section

SECTIONS = 80  # in a window of text ...
CHARACTERS = 60_000  # ... or so many characters, whichever is less
BEFORE = 12  # sections shown above the passage
PAGES = 12  # pictures in a window
A4 = (595, 842)


@dataclass(frozen=True)
class TextWindow:
    """Some of a document's sections, and the ordinals at which the windows before and after begin."""

    blocks: list[Block]
    before: int | None
    after: int | None


@dataclass(frozen=True)
class PagePicture:
    """A page: its number, its size in pixels for the space it keeps, and what is marked on it."""

    number: int
    width: int
    height: int
    boxes: list[Box]
    opens_at: Box | None  # what the reader sees first, on the one page that has it


@dataclass(frozen=True)
class PageWindow:
    """Some of a document's pages, and the numbers at which the windows before and after begin."""

    pages: list[PagePicture]
    before: int | None
    after: int | None


# --- text ------------------------------------------------------------------------------


def text_window(document: Document, opened: Opened, query: QueryDict) -> TextWindow:
    """The sections from `from` on, or those that end before `before`, or those around the passage."""
    sections = Section.objects.filter(document=document)
    if before := _whole(query.get("before")):
        shown = _fitting(sections.filter(ordinal__lt=before).order_by("-ordinal")[:SECTIONS])[::-1]
    else:
        begin = _whole(query.get("from"))
        begin = _beginning(document, opened.place) if begin is None else begin
        shown = _fitting(sections.filter(ordinal__gte=begin)[:SECTIONS])
    last = sections.order_by("-ordinal").values_list("ordinal", flat=True).first() or 0
    return TextWindow(
        blocks=blocks_of(shown, opened.place),
        before=shown[0].ordinal if shown and shown[0].ordinal > 0 else None,
        after=shown[-1].ordinal + 1 if shown and shown[-1].ordinal < last else None,
    )


def _beginning(document: Document, place: Place | None) -> int:
    """Where the window begins: some sections above the passage, but not so many that it wouldn't fit in."""
    if place is None:
        return 0
    above = Section.objects.filter(document=document, start__lte=place.opens_at[0]).order_by("-ordinal")[: BEFORE + 1]
    fitting = _fitting(above, CHARACTERS // 2)
    return fitting[-1].ordinal if fitting else 0


def _fitting(sections: Iterable[Section], characters: int = CHARACTERS) -> list[Section]:
    """The first of these sections, at least one, until there are too many characters."""
    shown: list[Section] = []
    length = 0
    for section in sections:
        if shown and length + len(section.text) > characters:
            break
        shown.append(section)
        length += len(section.text)
    return shown


# --- pictures ----------------------------------------------------------------------------


def page_window(document: Document, opened: Opened, query: QueryDict) -> PageWindow:
    """The pages from `from` on, or those that end before `before`, or those around `page` or the passage."""
    total = document.pages or 1
    wanted = _whole(query.get("page")) or page_of(document, opened) or 1
    first = _whole(query.get("from")) or max(1, wanted - 2)
    if before := _whole(query.get("before")):
        first = max(1, before - PAGES)
    first = min(first, total)
    last = min(before - 1 if before else first + PAGES - 1, total)
    boxes = boxes_on_pages(document, opened)
    opening = _opening(boxes)
    sizes = _sizes(document, total)
    pages = [PagePicture(n, *sizes[n - 1], boxes.get(n, []), opening.get(n)) for n in range(first, last + 1)]
    return PageWindow(pages, before=first if first > 1 else None, after=last + 1 if last < total else None)


def _opening(boxes: dict[int, list[Box]]) -> dict[int, Box]:
    """The page with the first marked sentence and its first box; without sentences, those of the passage."""
    of_sentences = {n: [box for box in marked if box.mark == "sentence"] for n, marked in boxes.items()}
    found = {n: marked for n, marked in of_sentences.items() if marked} or boxes
    first = min(found, default=None)
    return {} if first is None else {first: found[first][0]}


def has_pictures(document: Document) -> bool:
    """Whether its pages can be shown as pictures."""
    return document.media_type == "application/pdf" or document.media_type.startswith("image/")


def _sizes(document: Document, total: int) -> list[tuple[int, int]]:
    """Width and height of each page; that of paper where a page cannot be measured."""
    try:
        sizes = [(round(width), round(height)) for width, height in page_sizes(path_of(document.sha256))]
    except (IngestionError, OSError):
        sizes = []
    return (sizes + [A4] * total)[:total]


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
