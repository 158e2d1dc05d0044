"""Pages of knowledge bases: the shelf, a new one, its settings, its end."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Count, Q
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from kb.access import get_manageable, manageable_by, readable_by, writable_by
from kb.forms import DeleteForm, KnowledgeBaseForm
from kb.members import join
from kb.models import Document, KnowledgeBase, Role

LIVING = Q(documents__deleted_at=None)


def documents(*statuses: str) -> Count:
    """How many of a knowledge base's documents are in one of these states; in any, where none is given."""
    return Count("documents", filter=LIVING & Q(documents__status__in=statuses) if statuses else LIVING)


@login_required
@require_safe
def knowledge_bases(request):
    Status = Document.Status  # noqa: N806
    shelf = (
        readable_by(request.user)
        .annotate(
            number=documents(),
            number_ready=documents(Status.READY),
            number_failed=documents(Status.FAILED),
            number_unfinished=documents(Status.QUEUED, Status.RUNNING),
        )
        .order_by("name", "created_at")
    )
    return render(
        request,
        "kb/knowledge_bases.html",
        {
            "shelf": shelf,
            "managed": set(manageable_by(request.user).values_list("pk", flat=True)),
            "written": set(writable_by(request.user).values_list("pk", flat=True)),
        },
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def knowledge_base_create(request):
    form = KnowledgeBaseForm(request.POST or None)
    if form.is_valid():
        form.instance.created_by = request.user
        with transaction.atomic():
            made = form.save()
            join(made, request.user, Role.MANAGER)
        return redirect(made)
    return render(request, "kb/knowledge_base_create.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def knowledge_base_settings(request, pk):
    knowledge_base = get_manageable(request.user, pk)
    form = KnowledgeBaseForm(request.POST or None, instance=knowledge_base)
    if form.is_valid():
        form.save()
        messages.success(request, _("The settings are saved."))
        return redirect("knowledge_base_settings", pk=pk)
    shown = KnowledgeBase(pk=pk, name=form.initial["name"])  # not what the invalid form put into the instance
    page = {"form": form, "knowledge_base": shown, "tab": "settings"}
    return render(request, "kb/knowledge_base_settings.html", page, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def knowledge_base_delete(request, pk):
    knowledge_base = get_manageable(request.user, pk)
    form = DeleteForm(request.POST or None, knowledge_base=knowledge_base)
    if form.is_valid():
        knowledge_base.deleted_at = timezone.now()  # gone from every page; the reconciler removes what is in it
        knowledge_base.save(update_fields=["deleted_at"])
        messages.success(request, _("“%(name)s” is deleted.") % {"name": knowledge_base.name})
        return redirect("knowledge_bases")
    page = {
        "form": form,
        "knowledge_base": knowledge_base,
        "number": knowledge_base.documents.filter(deleted_at=None).count(),
    }
    return render(request, "kb/knowledge_base_delete.html", page, status=422 if form.errors else 200)
