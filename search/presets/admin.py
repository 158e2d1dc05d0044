"""Embedding presets in the admin panel: add one that is known, write one, try it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from kb.admin import number_of
from search.embedders import EmbeddingError
from search.embedders.converted import Conversion, known
from search.models import Index, Preset, SearchSettings, Vector
from search.presets.chosen import settings_of
from search.presets.forms import INSTRUCTIONS, PresetForm
from search.presets.start import Start, files_note, start_of
from search.presets.trial import StillLoading, try_preset
from search.tokenize import model_folder

QUESTION, PASSAGE = _("Who pays for the hotel?"), _("Travel costs, nights in hotels included, are refunded.")
MOST = 4_000  # characters of a text that is tried


@admin.register(Preset)
class PresetAdmin(ModelAdmin):
    form = PresetForm
    list_display = ("name", "engine", "model", "dimension", "max_tokens", "number_indexes", "number_vectors")
    list_filter = ("engine",)
    search_fields = ("name", "model")
    fieldsets = (
        (None, {"fields": ("name", "engine", ("model", "revision"), ("url", "api_key_variable"))}),
        (_("Vectors"), {"fields": (("dimension", "shortest"), ("max_tokens", "pooling"), "dtype")}),
        (_("Instructions"), {
            "description": _("Whole prefixes, put before a text as they are, with their blanks and line ends."),
            "fields": ("query_instruction", "document_instruction", "classification_instruction",
                       "clustering_instruction"),
        }),
        (_("Speed"), {"fields": (("backend", "batch_tokens"),)}),
    )  # fmt: skip
    shaping = tuple(field for field in Preset.SHAPING if field != "backend")  # some backends make the same vectors
    actions_detail = ("duplicate",)
    change_form_outer_before_template = "admin/search/preset/before.html"
    change_form_outer_after_template = "admin/search/preset/after.html"

    def formfield_for_dbfield(self, db_field, request: HttpRequest, **kwargs: Any):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in INSTRUCTIONS and field is not None:
            field.widget.attrs["rows"] = 3
        return field

    def get_readonly_fields(self, request: HttpRequest, obj: Preset | None = None) -> tuple[str, ...]:
        """What shapes the vectors stays as it is once there are some: another shape is another preset."""
        return self.shaping if obj and obj.has_vectors else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Preset]:
        counts = {
            "indexes_here": number_of(Index.objects.exclude(state=Index.State.RETIRED), "preset"),
            "vectors_here": number_of(Vector.objects.all(), "preset"),
        }
        return super().get_queryset(request).annotate(**counts)

    def has_delete_permission(self, request: HttpRequest, obj: Preset | None = None) -> bool:
        """An unused one may go, and its vectors with it."""
        if obj is None:
            return False
        return not (obj.indexes.exists() or SearchSettings.objects.filter(preset=obj).exists())

    def get_deleted_objects(self, objs, request):
        """Without a walk through the vectors, which may be many."""
        said = [
            ngettext("%(name)s with %(n)d vector", "%(name)s with %(n)d vectors", n) % {"name": preset, "n": n}
            for preset in objs
            for n in [preset.vectors.count()]
        ]
        return said, {self.opts.verbose_name_plural: len(said)}, set(), []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return _start(request).initial or super().get_changeform_initial_data(request)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict | None = None) -> HttpResponse:
        context = {**(extra_context or {}), "start": _start(request)}
        return super().add_view(request, form_url, context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        preset = self.get_object(request, object_id)
        context = {**(extra_context or {}), **(_shown(preset) if preset else {})}
        return super().change_view(request, object_id, form_url, context)

    @action(description=_("Duplicate"), url_path="duplicate", icon="content_copy")
    def duplicate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(f"{reverse('admin:search_preset_add')}?copy={object_id}")

    def get_urls(self) -> list:
        view = self.admin_site.admin_view(require_http_methods(["GET", "POST"])(self.trial))
        return [path("<int:pk>/try", view, name="search_preset_try"), *super().get_urls()]

    def trial(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Two texts through the preset's engine: a fragment, or without htmx a page."""
        preset = Preset.objects.filter(pk=pk).first()
        if preset is None:
            raise Http404
        context = {**_shown(preset), **(_tried(preset, request.POST) if request.method == "POST" else {})}
        if request.htmx:
            return render(request, "admin/search/preset/_tried.html", context)
        page = {**self.admin_site.each_context(request), "title": preset.name, "opts": self.opts}
        return render(request, "admin/search/preset/try.html", {**page, **context})

    @display(description=_("indexes"), ordering="indexes_here")
    def number_indexes(self, preset: Preset) -> int:
        return preset.indexes_here

    @display(description=_("vectors"), ordering="vectors_here")
    def number_vectors(self, preset: Preset) -> int:
        return preset.vectors_here


def _start(request: HttpRequest) -> Start:
    """Asked for once a request: it may ask a server."""
    if not hasattr(request, "preset_start"):
        request.preset_start = start_of(request.GET)  # type: ignore[attr-defined]
    return request.preset_start  # type: ignore[attr-defined]


def _shown(preset: Preset) -> dict[str, Any]:
    """What the page of a preset says beside its fields."""
    is_here = preset.engine == Preset.Engine.SERVER or model_folder(preset.model, preset.revision) is not None
    return {
        "preset": preset, "question": QUESTION, "passage": PASSAGE, "is_fixed": preset.has_vectors,
        "files_note": "" if is_here else files_note(preset.model),
        "lacks_key": bool(preset.api_key_variable and not settings_of(preset).api_key),
    }  # fmt: skip


def _losses(preset: Preset) -> list[tuple[str, Conversion]]:
    """What the backends that were made for this preset's model lose against full precision, as measured then."""
    if preset.engine == Preset.Engine.SERVER:
        return []
    ways = (Preset.Backend.OPENVINO, Preset.Backend.INT8, Preset.Precision.BFLOAT16)
    found = ((way.label, known(settings_of(preset), way.value)) for way in ways)
    return [(str(label), conversion) for label, conversion in found if conversion]


def _tried(preset: Preset, typed: Any) -> dict[str, Any]:
    question, passage = (typed.get(name, "").strip()[:MOST] for name in ("question", "passage"))
    context: dict[str, Any] = {"question": question, "passage": passage}
    if not question or not passage:
        return {**context, "error": _("Type in two texts.")}
    try:
        return {**context, "tried": try_preset(preset, question, passage), "losses": _losses(preset)}
    except StillLoading:
        return {**context, "is_loading": True}
    except EmbeddingError as error:
        return {**context, "error": error.message}
