"""The page of what was not read: for a knowledge base's managers, down to the passage."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from kb.access import documents_in, get_manageable
from kb.models import Document, KnowledgeBase
from kb.request import Request
from search.ledger import account_of, losses, unread_passages
from search.models import Index

DOCUMENTS, PASSAGES = 200, 200  # shown at the most


@login_required
@require_safe
def not_read(request: Request, pk) -> HttpResponse:
    """How much of the text was never embedded, and of which documents; with `document=`, which passages of one."""
    base = get_manageable(request.user, pk)
    index = _serving(base)
    if chosen := request.GET.get("document"):
        return _passages(request, base, index, _document(base, chosen))
    context: dict[str, Any] = {"knowledge_base": base, "account": None, "losses": []}
    if index:
        failed = documents_in([base]).filter(status=Document.Status.FAILED).order_by("title")
        context |= {"account": account_of(index), "losses": losses(index, DOCUMENTS), "failed": failed[:DOCUMENTS]}
    return render(request, "search/not_read.html", context)


def _passages(request: Request, base: KnowledgeBase, index: Index | None, document: Document) -> HttpResponse:
    chunks = unread_passages(index, document)[:PASSAGES] if index else []
    fragment = request.htmx and not request.htmx.boosted
    template = "search/_not_read_passages.html" if fragment else "search/not_read_document.html"
    return render(request, template, {"knowledge_base": base, "document": document, "chunks": chunks})


def _serving(base: KnowledgeBase) -> Index | None:
    serving = Index.objects.filter(knowledge_base=base, state=Index.State.SERVING)
    return serving.select_related("knowledge_base", "preset").first()


def _document(base: KnowledgeBase, chosen: str) -> Document:
    try:
        key = UUID(chosen)
    except ValueError as error:
        raise Http404 from error
    return get_object_or_404(documents_in([base]), pk=key)
