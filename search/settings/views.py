"""The page of a knowledge base's search: its settings, and its indexes."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kb.access import get_manageable
from kb.bell import send
from kb.models import KnowledgeBase
from kb.request import Request
from search.embedders import EmbeddingError
from search.evaluation.settings_trial_views import try_first
from search.generations.current import start_wanted
from search.generations.page import generations_of, side_by_side
from search.generations.refusals import try_again
from search.generations.switch import SwitchError, cancel, forget_previous, roll_back, switch_to
from search.limits_page import limits_in_use
from search.models import Index
from search.settings.effect import effect_of
from search.settings.forms import LimitsForm, SearchSettingsForm
from search.settings.tuning import settings_for


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def search_settings(request: Request, pk) -> HttpResponse:
    """The page; saving begins what the new settings ask for."""
    base = get_manageable(request.user, pk)
    form = _form(request, base)
    if not form.is_valid():
        return _page(request, base, form)
    if trial := try_first(request, base, form.instance):
        return trial
    form.save()
    messages.success(request, _("The settings are saved."))
    _begin(request, base)
    return redirect("search_settings", pk=pk)


def _form(request: Request, base: KnowledgeBase) -> SearchSettingsForm:
    return SearchSettingsForm(request.POST or None, instance=settings_for(base), knowledge_base=base)


def _begin(request: Request, base: KnowledgeBase) -> None:
    """At once, so that the page shows it; the reconciler would do so a little later."""
    try:
        if start_wanted(base):
            send("embed_missing")
    except EmbeddingError as error:
        messages.error(request, error.message)


def _page(request: Request, base: KnowledgeBase, form: SearchSettingsForm, effect: str = "") -> HttpResponse:
    shown = KnowledgeBase.objects.get(pk=base.pk)  # not what the form put into it
    limits = limits_in_use(shown)
    context = {"form": form, "tab": "search", "effect": effect, "limits": limits, **_generations(shown)}
    return render(request, "search/settings.html", context, status=422 if form.errors else 200)


def _generations(base: KnowledgeBase) -> dict:
    found = generations_of(base)
    if found is None:
        return {"generations": None, "knowledge_base": base}
    beside = side_by_side(found.making, found.serving) if found.making else []
    return {"generations": found, "beside": beside, "knowledge_base": base}


@login_required
@require_POST
def search_effect(request: Request, pk) -> HttpResponse:
    """What saving the form would set going; htmx gets the sentence, and what depends on another model."""
    base = get_manageable(request.user, pk)
    form = _form(request, base)
    other_model = request.htmx and request.htmx.trigger_name == "preset"
    if other_model:
        form.take_on_the_model()
    effect = _effect(form)
    if not request.htmx:
        return _page(request, base, form, effect)
    return render(request, "search/_effect.html", {"form": form, "effect": effect, "other_model": other_model})


def _effect(form: SearchSettingsForm) -> str:
    """The sentence; the first thing that is wrong, where the form is not valid."""
    if not form.is_valid():
        return next((str(each) for errors in form.errors.values() for each in errors), "")
    try:
        return effect_of(KnowledgeBase.objects.get(pk=form.knowledge_base.pk), form.shape()).sentence
    except EmbeddingError as error:
        return error.message


@login_required
@require_POST
def search_limits(request: Request, pk) -> HttpResponse:
    """What the chosen limits of answering would do to the questions that were evaluated; nothing is saved."""
    base = get_manageable(request.user, pk)
    form = LimitsForm(request.POST, instance=settings_for(base))
    limits = limits_in_use(base, form.instance) if form.is_valid() else None
    return render(request, "search/_limits_effect.html", {"limits": limits})


@login_required
@require_GET
def generations(request: Request, pk) -> HttpResponse:
    """The figures that change while an index is built; all about the indexes, where more than they have changed."""
    base = get_manageable(request.user, pk)
    if not request.htmx:
        return redirect("search_settings", pk=pk)
    context = _generations(base)
    found = context["generations"]
    if found and found.is_moving and request.GET.get("state") == found.signature:
        return render(request, "search/_generation_progress.html", context)
    answer = render(request, "search/_generations.html", context)
    answer["HX-Retarget"], answer["HX-Reswap"] = "#generations", "outerHTML"
    return answer


@login_required
@require_POST
def generation_act(request: Request, pk, action: str) -> HttpResponse:
    """Put the built index to use, go back, give up, forget or try again; where it cannot be, it is said why."""
    base = get_manageable(request.user, pk)
    try:
        messages.success(request, _ACTIONS[action](base, request.POST))
    except SwitchError as error:
        messages.error(request, error.message)
    return redirect("search_settings", pk=pk)


def _named(base: KnowledgeBase, sent: QueryDict) -> Index:
    """The index that the button is about. Raises SwitchError."""
    key = sent.get("index", "")
    chosen = Index.objects.filter(knowledge_base=base, pk=key if key.isdigit() else 0).first()
    if chosen is None:
        raise SwitchError(_("This index is no longer there."))
    return chosen


def _switch(base: KnowledgeBase, sent: QueryDict) -> str:
    switch_to(_named(base, sent), without_refused="without_refused" in sent)
    return _("The new index is in use.")


def _retry(base: KnowledgeBase, sent: QueryDict) -> str:
    try_again(_named(base, sent))
    send("embed_missing")
    return _("They are tried again.")


def _roll_back(base: KnowledgeBase, sent: QueryDict) -> str:
    roll_back(base)
    send("embed_missing")
    return _("The previous index is in use again, as it was.")


def _cancel(base: KnowledgeBase, sent: QueryDict) -> str:
    cancel(base)
    return _("The new index is given up; the settings are those of the one in use.")


def _forget(base: KnowledgeBase, sent: QueryDict) -> str:
    if not forget_previous(base):
        raise SwitchError(_("There is no previous index."))
    return _("The previous index is forgotten.")


_ACTIONS = {"switch": _switch, "retry": _retry, "rollback": _roll_back, "cancel": _cancel, "forget": _forget}
