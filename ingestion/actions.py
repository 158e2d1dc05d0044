"""What is done with documents that are here: cancel, retry, delete, download, one or many."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from ingestion import queue
from ingestion.bundle import zipped
from ingestion.viewer import AS_FILE
from kb.access import get_readable, get_writable, get_writable_document
from kb.models import Document, KnowledgeBase
from kb.request import Request
from search.organising.organised import with_marks

MANY = 500  # documents that one click may change


@login_required
@require_POST
def document_cancel(request: Request, pk) -> HttpResponse:
    """Stop the work on a document."""
    document = get_writable_document(request.user, pk)
    queue.cancel(document)
    return _row(request, document)


@login_required
@require_POST
def document_retry(request: Request, pk) -> HttpResponse:
    """Try a failed or cancelled document again."""
    document = get_writable_document(request.user, pk)
    queue.retry(document)
    return _row(request, document)


@login_required
@require_http_methods(["GET", "POST"])
def document_delete(request: Request, pk) -> HttpResponse:
    """Ask, then delete a document and what came in it."""
    document = get_writable_document(request.user, pk)
    if request.method == "GET":
        return render(request, "ingestion/document_delete.html", {"document": document})
    queue.delete(document)
    if request.htmx:
        return HttpResponse()
    messages.success(request, _("“%(title)s” was deleted.") % {"title": document.title})
    return redirect(document.knowledge_base)


def _row(request: Request, document: Document) -> HttpResponse:
    """The document's row to htmx, the documents page to everyone else."""
    if not request.htmx:
        return redirect(document.knowledge_base)
    shown = with_marks(Document.objects.select_related("knowledge_base", "parent")).get(pk=document.pk)
    context = {"document": shown, "knowledge_base": shown.knowledge_base, "may_write": True}
    return render(request, "ingestion/_row.html", context)


@dataclass(frozen=True)
class Bulk:
    """An action on many: what is called for each, and what is said of n afterwards."""

    act: Callable[[Document], object]
    said: Callable[[int], str]


BULK = {
    "cancel": Bulk(queue.cancel, lambda n: ngettext("%(n)s document cancelled.", "%(n)s documents cancelled.", n)),
    "retry": Bulk(queue.retry, lambda n: ngettext("%(n)s document queued again.", "%(n)s documents queued again.", n)),
    "delete": Bulk(queue.delete, lambda n: ngettext("%(n)s document deleted.", "%(n)s documents deleted.", n)),
}


@login_required
@require_POST
def documents_bulk(request: Request, pk) -> HttpResponse:
    """Cancel, retry or delete the chosen documents; those of another knowledge base are passed over."""
    base = get_writable(request.user, pk)
    bulk = BULK.get(request.POST.get("action", ""))
    if bulk:
        chosen = _chosen(base, request.POST.getlist("document"))
        done = sum(bulk.act(document) is not False for document in chosen)
        messages.success(request, bulk.said(done) % {"n": done})
    filter_ = QueryDict(request.POST.get("filter", "")).urlencode()
    return redirect(f"{reverse('knowledge_base', args=[base.pk])}?{filter_}".removesuffix("?"))


@login_required
@require_POST
def documents_download(request: Request, pk) -> StreamingHttpResponse:
    """The originals of the chosen documents in one archive."""
    base = get_readable(request.user, pk)
    chosen = _chosen(base, request.POST.getlist("document"))
    if not chosen:
        raise Http404
    name = f"{slugify(base.name, allow_unicode=True) or 'documents'}.zip"
    disposition = content_disposition_header(as_attachment=True, filename=name)
    headers = {**AS_FILE, "Content-Disposition": disposition}
    return StreamingHttpResponse(zipped(chosen), content_type="application/zip", headers=headers)


def _chosen(base: KnowledgeBase, ids: list[str]) -> list[Document]:
    wanted = [uuid.UUID(each) for each in ids[:MANY] if _is_uuid(each)]
    living = Document.objects.filter(knowledge_base=base, deleted_at=None, pk__in=wanted)
    return list(living.select_related("knowledge_base"))


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
