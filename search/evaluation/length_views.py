"""The pages on which managers compare passage lengths."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from kb.access import get_manageable
from kb.request import Request
from search.embedders import EmbeddingError
from search.evaluation.length_forms import LengthsForm
from search.evaluation.lengths import LengthsError, compare_lengths, use_length
from search.evaluation.views import overview


@login_required
@require_POST
def evaluation_lengths(request: Request, pk) -> HttpResponse:
    """What comparing these lengths takes, to be confirmed; then the comparison is queued."""
    base = get_manageable(request.user, pk)
    form = LengthsForm(request.POST, knowledge_base=base)
    if not form.is_valid():
        return overview(request, base, status=422, lengths_form=form)
    if "confirmed" not in request.POST:
        page = {"knowledge_base": base, "tab": "evaluation", "form": form, "plan": form.plan}
        return render(request, "search/evaluation/lengths.html", page)
    try:
        chosen = form.cleaned_data["question_set"]
        run = compare_lengths(form.plan, base, question_set=chosen, asked_by=request.user)
    except LengthsError as error:
        messages.error(request, error.message)
        return redirect("evaluation", pk=pk)
    return redirect("evaluation_run", pk=pk, run=run.pk)


@login_required
@require_POST
def evaluation_use_length(request: Request, pk, run) -> HttpResponse:
    """Cut the knowledge base at one of the lengths that were compared: a new index is built, as by the settings."""
    runs = get_manageable(request.user, pk).evaluation_runs.select_related("knowledge_base")
    found = get_object_or_404(runs, pk=run)
    try:
        if not use_length(found, request.POST.get("length", "")):
            messages.error(request, _("This length was not measured."))
            return redirect("evaluation_run", pk=pk, run=run)
        messages.success(request, _("The settings are saved."))
    except EmbeddingError as error:
        messages.error(request, error.message)
    return redirect("search_settings", pk=pk)
