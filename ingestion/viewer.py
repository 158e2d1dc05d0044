"""The document viewer: a document opened at a passage, as pictures of its pages or as text."""

import re
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ingestion.boxes import Box
from ingestion.errors import IngestionError
from ingestion.opened import Opened, boxes_on_pages, open_at, page_of
from ingestion.reading import Block, Place, blocks_of
from ingestion.render import page_picture, page_sizes
from kb.access import get_readable_document
from kb.files import path_of
from kb.models import Document, Section

SECTIONS = 80  # in a window of text ...
CHARACTERS = 60_000  # ... or so many characters, whichever is less
BEFORE = 12  # sections shown above the passage
PAGES = 12  # pictures in a window
HEADINGS = 400
A4 = (595, 842)
HITS = 40
AS_FILE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}


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
    is_first_marked: bool


@dataclass(frozen=True)
class PageWindow:
    """Some of a document's pages, and the numbers at which the windows before and after begin."""

    pages: list[PagePicture]
    before: int | None
    after: int | None


@login_required
@require_GET
def document(request: HttpRequest, pk) -> HttpResponse:
    """The viewer; htmx, which asks for what comes before or after a window, gets that window alone."""
    document = get_readable_document(request.user, pk)
    opened = open_at(document, request.user, request.GET)
    pictured = has_pictures(document) and request.GET.get("view") != "text"
    context = {"document": document, "opened": opened, "kept": _kept(request), "is_pictured": pictured}
    context["direction"] = request.GET.get("direction", "") if request.htmx else ""
    context["window"] = (_pages if pictured else _text)(document, opened, request)
    if request.htmx and not request.htmx.boosted:
        return render(request, "ingestion/_pages.html" if pictured else "ingestion/_text.html", context)
    return render(request, "ingestion/document.html", {**context, **_around(request, document)})


def _around(request: HttpRequest, document: Document) -> dict:
    """What stands beside the text: outline, search, what the person may do."""
    headings = Section.objects.filter(document=document, kind=Section.Kind.HEADING)
    words = request.GET.get("find", "").strip()[:200]
    return {
        "has_pictures": has_pictures(document),
        "headings": headings.only("ordinal", "text", "depth", "page")[:HEADINGS],
        "find": words,
        "hits": _hits(document, words) if words else None,
        "children": document.children.filter(deleted_at=None)[:HEADINGS],
    }


def _kept(request: HttpRequest) -> str:
    """The part of the address that says what is marked, for links to other windows of the same document."""
    query = request.GET.copy()
    for name in ("from", "before", "page", "view", "direction"):
        query.pop(name, None)
    return query.urlencode()


def _hits(document: Document, words: str) -> list[dict]:
    """Sections with these very words, each with the text around them."""
    found = []
    for section in Section.objects.filter(document=document, text__icontains=words)[:HITS]:
        at = max(section.text.lower().find(words.lower()), 0)
        found.append(
            {
                "page": section.page,
                "start": section.start + at,
                "end": section.start + at + len(words),
                "left": ("…" if at > 40 else "") + section.text[max(0, at - 40) : at],
                "words": section.text[at : at + len(words)],
                "right": section.text[at + len(words) : at + len(words) + 60],
            }
        )
    return found


# --- text ------------------------------------------------------------------------------


def _text(document: Document, opened: Opened, request: HttpRequest) -> TextWindow:
    sections = Section.objects.filter(document=document)
    if before := _whole(request.GET.get("before")):
        shown = _fitting(sections.filter(ordinal__lt=before).order_by("-ordinal")[:SECTIONS])[::-1]
    else:
        begin = _whole(request.GET.get("from"))
        begin = _beginning(document, opened.place) if begin is None else begin
        shown = _fitting(sections.filter(ordinal__gte=begin)[:SECTIONS])
    last = sections.order_by("-ordinal").values_list("ordinal", flat=True).first()
    return TextWindow(
        blocks=blocks_of(shown, opened.place),
        before=shown[0].ordinal if shown and shown[0].ordinal > 0 else None,
        after=shown[-1].ordinal + 1 if shown and shown[-1].ordinal < last else None,
    )


def _beginning(document: Document, place: Place | None) -> int:
    """Where the window begins: some sections above the passage, but not so many that it wouldn't fit in."""
    if place is None:
        return 0
    above = Section.objects.filter(document=document, start__lte=place.passage[0]).order_by("-ordinal")[: BEFORE + 1]
    fitting = _fitting(above, CHARACTERS // 2)
    return fitting[-1].ordinal if fitting else 0


def _fitting(sections, characters: int = CHARACTERS) -> list[Section]:
    """The first of these sections, at least one, until there are too many characters."""
    shown, length = [], 0
    for section in sections:
        if shown and length + len(section.text) > characters:
            break
        shown.append(section)
        length += len(section.text)
    return shown


# --- pictures ----------------------------------------------------------------------------


def _pages(document: Document, opened: Opened, request: HttpRequest) -> PageWindow:
    total = document.pages or 1
    wanted = _whole(request.GET.get("page")) or page_of(document, opened) or 1
    first = _whole(request.GET.get("from")) or max(1, wanted - 2)
    if before := _whole(request.GET.get("before")):
        first = max(1, before - PAGES)
    first = min(first, total)
    last = min(before - 1 if before else first + PAGES - 1, total)
    boxes = boxes_on_pages(document, opened)
    marked = min(boxes, default=None)
    sizes = _sizes(document, total)
    pages = [
        PagePicture(n, *sizes[n - 1], boxes=boxes.get(n, []), is_first_marked=n == marked)
        for n in range(first, last + 1)
    ]
    return PageWindow(pages, before=first if first > 1 else None, after=last + 1 if last < total else None)


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


@login_required
@require_GET
def document_page(request: HttpRequest, pk, number: int) -> HttpResponse:
    """The picture of a page, for who may read the document."""
    document = get_readable_document(request.user, pk)
    if not has_pictures(document) or not 1 <= number <= (document.pages or 1):
        raise Http404
    try:
        picture = page_picture(path_of(document.sha256), number).open("rb")
    except (IngestionError, OSError) as error:
        raise Http404 from error
    headers = {**AS_FILE, "Cache-Control": "private, max-age=3600"}
    return FileResponse(picture, content_type="image/webp", headers=headers)


@login_required
@require_GET
def document_original(request: HttpRequest, pk) -> HttpResponse:
    """The file as it was uploaded, to be saved and never to be shown by the browser."""
    document = get_readable_document(request.user, pk)
    kind = (
        document.media_type if re.fullmatch(r"[\w.+-]+/[\w.+-]+", document.media_type) else "application/octet-stream"
    )
    try:
        file = path_of(document.sha256).open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    return FileResponse(file, as_attachment=True, filename=document.name, content_type=kind, headers=AS_FILE)
