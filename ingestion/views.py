"""The documents page of a knowledge base: what is in it and what is being done with it."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ingestion.forms import ListingForm, PasteForm
from ingestion.listing import ORDER_LABELS, list_documents
from ingestion.sniff import SUPPORTED
from kb.access import get_readable, manageable_by, writable_by
from kb.models import KnowledgeBase, User
from kb.request import Request
from search.ledger import share_never_read
from search.models import Tag, Topic


@login_required
@require_GET
def knowledge_base(request: Request, pk) -> HttpResponse:
    """The documents page; htmx, which asks for it when the filter changes, gets the list alone."""
    base = get_readable(request.user, pk)
    if request.htmx and not request.htmx.boosted:
        return documents_rows(request, pk)
    return render(request, "ingestion/knowledge_base.html", page_of(request.user, base, request.GET))


@login_required
@require_GET
def documents_rows(request: Request, pk) -> HttpResponse:
    """The list alone, as it is now: the page asks for it again and again while something is unfinished."""
    base = get_readable(request.user, pk)
    return render(request, "ingestion/_documents.html", _listing(request.user, base, request.GET))


def page_of(user: User, base: KnowledgeBase, query: QueryDict, **more) -> dict:
    """What the documents page shows; `more` goes on top: a form that was sent, what became of an upload."""
    may_manage = manageable_by(user).filter(pk=base.pk).exists()
    return {
        **_listing(user, base, query),
        "may_manage": may_manage,
        "percent_never_read": 100 * share_never_read(base) if may_manage else 0,
        "paste_form": PasteForm(),
        "tags": Tag.objects.filter(knowledge_base=base),
        "supported": SUPPORTED,
        "most_bytes": settings.KB_MAX_UPLOAD_MB * 1024 * 1024,
        **more,
    }


def _listing(user: User, base: KnowledgeBase, query: QueryDict) -> dict:
    chosen = ListingForm(query).chosen()
    topic = Topic.objects.filter(knowledge_base=base, pk=chosen["topic"] or 0).first()
    tag = Tag.objects.filter(knowledge_base=base, pk=chosen["tag"] or 0).first()
    chosen |= {"topic": topic and topic.pk, "tag": tag and tag.pk}  # one that is gone is not asked for
    return {
        "knowledge_base": base,
        "listing": list_documents(base, **chosen),
        "chosen": chosen,
        "orders": ORDER_LABELS,
        "filter": _kept(
            {
                "q": chosen["words"],
                "status": chosen["status"],
                "sort": query.get("sort", ""),
                "topic": str(chosen["topic"] or ""),
                "tag": str(chosen["tag"] or ""),
            }
        ),
        "chosen_topic": topic,
        "chosen_tag": tag,
        "may_write": writable_by(user).filter(pk=base.pk).exists(),
    }


def _kept(values: dict[str, str]) -> str:
    """The filter as it goes into links: what is not set is left out."""
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in values.items() if value})
    return query.urlencode()
