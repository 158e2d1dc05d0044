"""Reranking presets in the admin panel: write one, and try it on a question and some passages."""

import time
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods
from unfold.admin import ModelAdmin
from unfold.decorators import display

from kb.admin import number_of
from search.models import RerankPreset, SearchSettings
from search.presets.forms import RerankPresetForm
from search.presets.trial import LOADING
from search.rerank import scores_now
from search.rerankers import RerankError
from search.rerankers.presets import rerank_settings

QUESTION = _("Who pays for the hotel?")
PASSAGES = _(
    "Travel costs, nights in hotels included, are refunded.\nThe canteen opens at noon.\nHotels in Oslo are full."
)
MOST = 4_000  # characters of what is tried
MOST_PASSAGES = 20


@dataclass(frozen=True)
class Ranked:
    """The passages, best first, each with its score; `milliseconds` for all of them."""

    passages: list[tuple[float, str]]
    milliseconds: float


@admin.register(RerankPreset)
class RerankPresetAdmin(ModelAdmin):
    form = RerankPresetForm
    list_display = ("name", "engine", "model", "max_tokens", "number_bases")
    search_fields = ("name", "model")
    fields = ("name", "engine", ("model", "revision"), ("url", "api_key_variable"), "instruction", "max_tokens")
    change_form_outer_before_template = "admin/search/rerankpreset/before.html"
    change_form_outer_after_template = "admin/search/rerankpreset/after.html"

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).annotate(bases_here=number_of(SearchSettings.objects.all(), "rerank"))

    @display(description=_("knowledge bases"), ordering="bases_here")
    def number_bases(self, preset: RerankPreset) -> int:
        return preset.bases_here

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        preset = self.get_object(request, object_id)
        context = {
            **(extra_context or {}), "preset": preset, "question": QUESTION, "passages": PASSAGES,
            "lacks_key": preset is not None and _lacks_key(preset),
        }  # fmt: skip
        return super().change_view(request, object_id, form_url, context)

    def get_urls(self) -> list:
        view = self.admin_site.admin_view(require_http_methods(["GET", "POST"])(self.trial))
        return [path("<int:pk>/try", view, name="search_rerankpreset_try"), *super().get_urls()]

    def trial(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The passages in the order of the preset's model: a fragment, or without htmx a page."""
        preset = RerankPreset.objects.filter(pk=pk).first()
        if preset is None:
            raise Http404
        context = {"preset": preset, "question": QUESTION, "passages": PASSAGES}
        if request.method == "POST":
            context |= _tried(preset, request.POST)
        if request.htmx:
            return render(request, "admin/search/rerankpreset/_tried.html", context)
        page = {**self.admin_site.each_context(request), "title": preset.name, "opts": self.opts}
        return render(request, "admin/search/rerankpreset/try.html", {**page, **context})


def _lacks_key(preset: RerankPreset) -> bool:
    """Whether it names a key for its server that is not set."""
    is_served = preset.engine == RerankPreset.Engine.SERVER
    return bool(is_served and preset.api_key_variable and not rerank_settings(preset).api_key)


def _tried(preset: RerankPreset, typed: Any) -> dict[str, Any]:
    question, passages = (typed.get(name, "").strip()[:MOST] for name in ("question", "passages"))
    context: dict[str, Any] = {"question": question, "passages": passages}
    lines = [line.strip() for line in passages.splitlines() if line.strip()][:MOST_PASSAGES]
    if not question or not lines:
        return {**context, "error": _("Type in a question, and a passage a line.")}
    try:
        return {**context, "ranked": _ranked(preset, question, lines)}
    except RerankError as error:
        if not error.permanent and LOADING.search(error.message):
            return {**context, "is_loading": True}
        return {**context, "error": error.message}


def _ranked(preset: RerankPreset, question: str, passages: list[str]) -> Ranked:
    begun = time.perf_counter()
    scores = scores_now(preset, question, passages)
    milliseconds = (time.perf_counter() - begun) * 1000
    pairs = zip((float(score) for score in scores), passages, strict=True)
    return Ranked(sorted(pairs, key=lambda pair: -pair[0]), milliseconds)
