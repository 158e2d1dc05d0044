"""The page between proposing settings and saving them: what the saved questions say."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from kb.access import get_manageable
from kb.models import KnowledgeBase
from kb.request import Request
from search.evaluation.settings_trial import Verdict, can_be_tried, preview, tried, verdict
from search.models import EvaluationRun, SearchSettings
from search.settings.tuning import tuning_of

OURS = ("csrfmiddlewaretoken", "tried", "anyway")


def try_first(request: Request, knowledge_base: KnowledgeBase, proposed: SearchSettings) -> HttpResponse | None:
    """The page that tries proposed settings on the saved questions; None where they may be saved at once.

    They may where the search stays as it is, there is nothing to try them on, they were tried and are not worse, or
    the person wants them all the same.
    """
    tuning = tuning_of(proposed)
    if not can_be_tried(knowledge_base, tuning):
        return None
    run = tried(knowledge_base, request.POST.get("tried", ""), tuning)
    if run is None:
        return _page(request, knowledge_base, verdict(preview(knowledge_base, tuning, request.user)))
    found = verdict(run)
    if found.is_settled and (not found.needs_a_yes or "anyway" in request.POST):
        return None
    return _page(request, knowledge_base, found)


def _page(request: Request, knowledge_base: KnowledgeBase, found: Verdict) -> HttpResponse:
    fields = [(name, value) for name in request.POST if name not in OURS for value in request.POST.getlist(name)]
    shown = KnowledgeBase.objects.get(pk=knowledge_base.pk)  # not what a form put into it
    page = {"knowledge_base": shown, "tab": "search", "verdict": found, "fields": fields}
    return render(request, "search/evaluation/settings_trial.html", page)


@login_required
@require_safe
def settings_verdict(request: Request, pk, run) -> HttpResponse:
    """What is known by now, as the fragment that asks for itself."""
    runs = get_manageable(request.user, pk).evaluation_runs.filter(reason=EvaluationRun.Reason.SETTINGS)
    found = verdict(get_object_or_404(runs.select_related("knowledge_base"), pk=run))
    return render(
        request, "search/evaluation/_verdict.html", {"verdict": found, "knowledge_base": found.run.knowledge_base}
    )
