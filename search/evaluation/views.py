"""The pages on which managers measure how well their knowledge base is searched."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from kb.access import get_manageable
from kb.models import KnowledgeBase
from kb.request import Request
from search.evaluation import jobs, pages
from search.evaluation.comparison import compare
from search.evaluation.evaluate import start
from search.evaluation.forms import ImportForm, SetForm, StartForm
from search.evaluation.length_forms import LengthsForm
from search.evaluation.lengths import building, retire_trials
from search.evaluation.question_sets import counted, has_complete
from search.limits_page import limits_in_use
from search.models import EvaluationRun, QuestionSet

State, Reason = EvaluationRun.State, EvaluationRun.Reason
PER_PAGE = 20
QUESTIONS_PER_PAGE = 50


@login_required
@require_safe
def evaluation(request: Request, pk) -> HttpResponse:
    """The sets of questions, what was measured last, how it went over time, and all runs."""
    return overview(request, get_manageable(request.user, pk))


def overview(request: Request, knowledge_base: KnowledgeBase, status: int = 200, **forms) -> HttpResponse:
    sets = list(counted(list(knowledge_base.question_sets.all())))
    runs = list(pages.measured(knowledge_base)[:200])
    chosen = _chosen_set(request, sets, runs)
    latest = next((run for run in runs if run.question_set_id == (chosen.pk if chosen else None)), None)
    page = {
        "knowledge_base": knowledge_base,
        "tab": "evaluation",
        "sets": sets,
        "start_form": StartForm(knowledge_base=knowledge_base),
        "lengths_form": LengthsForm(knowledge_base=knowledge_base),
        "import_form": ImportForm(),
        "set_form": SetForm(instance=QuestionSet(knowledge_base=knowledge_base)),
        "can_start": any(map(has_complete, sets)),
        "latest": latest,
        "lines": pages.lines_of(latest) if latest else [],
        "measures": pages.SHOWN,
        "chief": pages.CHIEF,
        "history": pages.history(runs, chosen),
        "limits": limits_in_use(knowledge_base),
        "by_index": pages.by_index(runs, chosen),
        "measured_sets": list(dict.fromkeys(run.question_set for run in runs)),
        "chosen_set": chosen,
        "may_compare": pages.comparable(knowledge_base).count() > 1,
        "runs": Paginator(pages.listed(knowledge_base), PER_PAGE).get_page(request.GET.get("page")),
        **forms,
    }
    return render(request, "search/evaluation/overview.html", page, status=status)


def _chosen_set(request: Request, sets: list[QuestionSet], runs: list[EvaluationRun]) -> QuestionSet | None:
    """The set whose figures are shown: as asked for, else that of the newest run; None: all questions together."""
    asked = request.GET.get("set")
    if asked is None and runs:
        return runs[0].question_set
    return next((one for one in sets if str(one.pk) == asked), None)


@login_required
@require_POST
def evaluation_start(request: Request, pk) -> HttpResponse:
    """Queue a run, or a curve over the dimensions."""
    knowledge_base = get_manageable(request.user, pk)
    form = StartForm(request.POST, knowledge_base=knowledge_base)
    if not form.is_valid():
        return overview(request, knowledge_base, status=422, start_form=form)
    asked = form.cleaned_data
    reason = Reason.CURVE if request.POST.get("kind") == "curve" else Reason.ASKED
    run = start(
        knowledge_base, index=asked.get("index"), question_set=asked["question_set"], reason=reason,
        asked_by=request.user,
    )  # fmt: skip
    return redirect("evaluation_run", pk=pk, run=run.pk)


def _run(request: Request, pk, run) -> EvaluationRun:
    """A run of a knowledge base that the person manages; raises Http404."""
    runs = get_manageable(request.user, pk).evaluation_runs
    return get_object_or_404(
        runs.select_related("knowledge_base", "index__preset", "index__chunking", "question_set", "asked_by"), pk=run
    )


@login_required
@require_safe
def evaluation_run(request: Request, pk, run) -> HttpResponse:
    """What a run found: its figures, and each question. While it is unfinished, how far it is."""
    shown = _run(request, pk, run)
    page = {"run": shown, "knowledge_base": shown.knowledge_base, "tab": "evaluation", "building": building(shown)}
    if request.htmx and request.GET.get("part") == "progress":
        response = render(request, "search/evaluation/_progress.html", page)
        if shown.state not in (State.QUEUED, State.RUNNING):
            response["HX-Refresh"] = "true"
        return response
    if shown.state == State.DONE:
        page |= _found(request, shown)
    return render(request, "search/evaluation/run.html", page)


def _found(request: Request, run: EvaluationRun) -> dict:
    ways = list(run.results)
    is_curve = run.reason in pages.CURVES
    way = request.GET.get("way", pages.usual_way(run))
    way = way if way in ways else ways[-1]
    show = request.GET.get("show", "all")
    rows = pages.rows_of(run, way, show)
    others = pages.measured(run.knowledge_base).exclude(pk=run.pk)
    return {
        "lines": pages.lines_of(run, pages.shown_of(run)),
        "measures": pages.shown_of(run),
        "is_curve": is_curve,
        "curve": pages.curve(run) if is_curve else None,
        "store": pages.store_of(run),
        "may_cut": bool(run.index and run.index.preset.shortest),
        "ways": [(one, pages.way_name(one)) for one in ways],
        "way": way,
        "mode": way if way in ("vector", "keyword") else "vector" if run.reason == Reason.CURVE else "hybrid",
        "is_lengths": run.reason == Reason.LENGTHS,
        "show": show,
        "rows": Paginator(rows, QUESTIONS_PER_PAGE).get_page(request.GET.get("page")),
        "to_refuse": pages.to_refuse(run),
        "lost": len(pages.rows_of(run, way, "lost")),
        "others": [] if is_curve else others[:50],
    }


@login_required
@require_POST
def evaluation_cancel(request: Request, pk, run) -> HttpResponse:
    """Stop an unfinished run."""
    jobs.cancel(_run(request, pk, run))
    retire_trials()
    return redirect("evaluation_run", pk=pk, run=run)


@login_required
@require_POST
def evaluation_delete(request: Request, pk, run) -> HttpResponse:
    """Remove a run with its figures."""
    _run(request, pk, run).delete()
    retire_trials()
    messages.success(request, _("The evaluation is deleted."))
    return redirect("evaluation", pk=pk)


@login_required
@require_safe
def evaluation_compare(request: Request, pk) -> HttpResponse:
    """Two runs side by side: which figures rose and fell, which questions are found earlier and later."""
    knowledge_base = get_manageable(request.user, pk)
    before, after = (_named(knowledge_base, request.GET.get(name, "")) for name in ("before", "after"))
    page = {"knowledge_base": knowledge_base, "tab": "evaluation", "before": before, "after": after}
    if before is None or after is None:
        messages.info(request, _("Choose two evaluations to compare."))
        return redirect("evaluation", pk=pk)
    comparison = compare(before, after)
    page |= {"comparison": comparison, "kinds": _kinds(comparison)}
    page["sides"] = [(_("Before"), before), (_("After"), after)]
    return render(request, "search/evaluation/compare.html", page)


def _named(knowledge_base: KnowledgeBase, said: str) -> EvaluationRun | None:
    """A finished run by its id; None where none is named. Raises Http404 for one that is not there."""
    if not said:
        return None
    try:
        return get_object_or_404(pages.comparable(knowledge_base), pk=said)
    except (ValidationError, ValueError) as error:
        raise Http404 from error


def _kinds(comparison) -> list[tuple[str, tuple]]:
    return [(_("Found later, or no more"), comparison.worse), (_("Found earlier"), comparison.better)]
