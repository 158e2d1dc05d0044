"""The pages of a knowledge base's tags, and tags on documents."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kb.access import get_manageable, get_readable, get_writable, get_writable_document, manageable_by, writable_by
from kb.models import Document, KnowledgeBase
from kb.request import Request
from search.models import DocumentTag, OrganisingJob, Tag
from search.organising.jobs import want
from search.organising.organised import organised_of
from search.organising.tag_forms import TagForm
from search.organising.tags import decide
from search.organising.topic_views import job_of

MANY = 500  # documents that one click may decide about
PER_PAGE = 50
State, Kind = DocumentTag.State, OrganisingJob.Kind
ANSWERS = {"accept": State.ACCEPTED, "refuse": State.REFUSED}


@login_required
@require_GET
def tags(request: Request, pk) -> HttpResponse:
    """The tags, how many documents have each, and how many more are suggested."""
    base = get_readable(request.user, pk)
    context = _page(request, base, TagForm(knowledge_base=base))
    fragment = request.htmx and not request.htmx.boosted
    return render(request, "search/_tags.html" if fragment else "search/tags.html", context)


def _page(request: Request, base: KnowledgeBase, form: TagForm) -> dict:
    return {
        "knowledge_base": base,
        "tab": "tags",
        "manages": manageable_by(request.user).filter(pk=base.pk).exists(),
        "may_write": writable_by(request.user).filter(pk=base.pk).exists(),
        "job": job_of(base, Kind.TAGS),
        "tags": counted_tags(base),
        "form": form,
    }


def counted_tags(base: KnowledgeBase) -> QuerySet[Tag]:
    """The tags with `.accepted` and `.suggested`: how many living documents."""
    living = Q(on__document__deleted_at=None)
    return Tag.objects.filter(knowledge_base=base).annotate(
        accepted=Count("on", filter=living & Q(on__state=State.ACCEPTED)),
        suggested=Count("on", filter=living & Q(on__state=State.SUGGESTED)),
    )


@login_required
@require_POST
def tag_add(request: Request, pk) -> HttpResponse:
    """A new tag; documents for it are looked for at once."""
    base = get_manageable(request.user, pk)
    form = TagForm(request.POST, knowledge_base=base)
    if not form.is_valid():
        return render(request, "search/tags.html", _page(request, base, form), status=422)
    form.save()
    want(base, Kind.TAGS)
    return redirect("tags", pk=base.pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def tag(request: Request, pk, tag: int) -> HttpResponse:
    """A tag: what it says, for managers to change, and the documents it is suggested for, for editors to decide."""
    if request.method == "POST":
        base = get_manageable(request.user, pk)
        return _change(request, base, get_object_or_404(Tag, knowledge_base=base, pk=tag))
    base = get_readable(request.user, pk)
    found = get_object_or_404(Tag, knowledge_base=base, pk=tag)
    return _tag_page(request, base, found, TagForm(instance=found, knowledge_base=base))


def _change(request: Request, base: KnowledgeBase, tag: Tag) -> HttpResponse:
    form = TagForm(request.POST, instance=tag, knowledge_base=base)
    if not form.is_valid():
        tag.refresh_from_db()
        return _tag_page(request, base, tag, form, status=422)
    form.save()
    want(base, Kind.TAGS)
    return redirect("tag", pk=base.pk, tag=tag.pk)


def _tag_page(request: Request, base: KnowledgeBase, tag: Tag, form: TagForm, status: int = 200) -> HttpResponse:
    waiting = tag.on.filter(state=State.SUGGESTED, document__deleted_at=None).select_related("document")
    page = Paginator(waiting.order_by("-similarity", "document__title"), PER_PAGE).get_page(request.GET.get("page"))
    accepted = tag.on.filter(state=State.ACCEPTED, document__deleted_at=None).count()
    context = _page(request, base, form) | {"tag": tag, "page": page, "accepted": accepted}
    return render(request, "search/tag.html", context, status=status)


@login_required
@require_POST
def tag_delete(request: Request, pk, tag: int) -> HttpResponse:
    """The tag goes from all documents; they stay."""
    base = get_manageable(request.user, pk)
    found = get_object_or_404(Tag, knowledge_base=base, pk=tag)
    found.delete()
    messages.success(request, _("The tag “%(name)s” was deleted.") % {"name": found.name})
    return redirect("tags", pk=base.pk)


@login_required
@require_POST
def tags_suggest(request: Request, pk) -> HttpResponse:
    """Have documents for the tags looked for anew."""
    base = get_writable(request.user, pk)
    want(base, Kind.TAGS)
    return redirect("tags", pk=base.pk)


@login_required
@require_POST
def tag_decide(request: Request, pk, tag: int) -> HttpResponse:
    """Accept or refuse a tag for the chosen documents; those of another knowledge base are passed over."""
    base = get_writable(request.user, pk)
    found = get_object_or_404(Tag, knowledge_base=base, pk=tag)
    answer = ANSWERS.get(request.POST.get("answer", ""))
    chosen = [each for each in request.POST.getlist("document")[:MANY] if _is_uuid(each)]
    documents = list(Document.objects.filter(knowledge_base=base, deleted_at=None, pk__in=chosen))
    if answer and documents:
        decide(found, documents, answer)
        messages.success(request, _said(answer, len(documents)))
    return redirect("tag", pk=base.pk, tag=found.pk)


def _said(answer: str, n: int) -> str:
    if answer == State.ACCEPTED:
        return ngettext("%(n)s document has the tag now.", "%(n)s documents have the tag now.", n) % {"n": n}
    return ngettext("%(n)s suggestion was refused.", "%(n)s suggestions were refused.", n) % {"n": n}


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


@login_required
@require_POST
@transaction.atomic
def document_tag(request: Request, pk) -> HttpResponse:
    """Give a document a tag, or keep one away from it; one that was given by hand is simply taken off."""
    document = get_writable_document(request.user, pk)
    answer, number = ANSWERS.get(request.POST.get("answer", "")), request.POST.get("tag", "")
    if answer and number.isdecimal():
        decide(get_object_or_404(Tag, knowledge_base=document.knowledge_base, pk=int(number)), [document], answer)
    if not request.htmx:
        return redirect(document)
    context = {"document": document, "organised": organised_of(document), "may_write": True}
    return render(request, "search/_document_tags.html", context)
