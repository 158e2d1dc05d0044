"""The document viewer: a document opened at a passage, as pictures of its pages or as text."""

import re
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ingestion.errors import IngestionError
from ingestion.opened import open_at
from ingestion.render import page_picture
from ingestion.windows import has_pictures, page_window, text_window
from kb.access import get_readable_document, writable_by
from kb.files import path_of
from kb.models import Document, Section
from kb.request import Request
from search.generations.refusals import refusal_of
from search.organising.organised import organised_of

HEADINGS = 400  # of the outline
HITS = 40
MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
AS_FILE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@login_required
@require_GET
def document(request: Request, pk) -> HttpResponse:
    """The viewer; htmx, which asks for what comes before or after a window, gets that window alone."""
    document = get_readable_document(request.user, pk)
    opened = open_at(document, request.user, request.GET)
    pictured = has_pictures(document) and request.GET.get("view") != "text"
    context = {"document": document, "opened": opened, "kept": _kept(request), "is_pictured": pictured}
    context["direction"] = request.GET.get("direction", "") if request.htmx else ""
    context["window"] = (page_window if pictured else text_window)(document, opened, request.GET)
    if request.htmx and not request.htmx.boosted:
        return render(request, "ingestion/_pages.html" if pictured else "ingestion/_text.html", context)
    context |= {"organised": organised_of(document), "refusal": refusal_of(document)}
    context["may_write"] = writable_by(request.user).filter(pk=document.knowledge_base_id).exists()
    return render(request, "ingestion/document.html", {**context, **_around(request, document)})


def _around(request: Request, document: Document) -> dict:
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


def _kept(request: Request) -> str:
    """The part of the address that says what is marked, for links to other windows of the same document."""
    query = request.GET.copy()
    for name in ("from", "before", "page", "view", "direction"):
        query.pop(name, None)
    return query.urlencode()


@dataclass(frozen=True)
class Hit:
    """A place with the words that were looked for, and the text around it."""

    page: int | None
    start: int
    end: int
    left: str
    words: str
    right: str


def _hits(document: Document, words: str) -> list[Hit]:
    """The first place in each of the sections that have these very words."""
    found = Section.objects.filter(document=document, text__icontains=words)
    return [_hit(section, words) for section in found[:HITS]]


def _hit(section: Section, words: str) -> Hit:
    text, at = section.text, max(section.text.lower().find(words.lower()), 0)
    end = at + len(words)
    left = ("…" if at > 40 else "") + text[max(0, at - 40) : at]
    return Hit(section.page, section.start + at, section.start + end, left, text[at:end], text[end : end + 60])


@login_required
@require_GET
def document_page(request: Request, pk, number: int) -> FileResponse:
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
def document_original(request: Request, pk) -> FileResponse:
    """The file as it was uploaded, to be saved and never to be shown by the browser."""
    document = get_readable_document(request.user, pk)
    kind = document.media_type if MEDIA_TYPE.fullmatch(document.media_type) else "application/octet-stream"
    try:
        file = path_of(document.sha256).open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    return FileResponse(file, as_attachment=True, filename=document.name, content_type=kind, headers=AS_FILE)
