"""Language models in the admin panel: write one down, see what its server has, try it."""

from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display

from search.chat import ChatError, ChatSettings
from search.chat.forms import ChatAddressField, ChatModelForm, origin_of
from search.chat.models import is_set_outside, offered, settings_for
from search.chat.trial import served_by, try_chat
from search.models import ChatModel

SET_OUTSIDE = ("name", "url", "model")


@admin.register(ChatModel)
class ChatModelAdmin(ModelAdmin):
    form = ChatModelForm
    list_display = ("label_shown", "model", "url", "context_tokens", "state_shown")
    search_fields = ("name", "model")
    fieldsets = (
        (None, {"fields": ("name", "url", ("key", "forget_key"), "model")}),
        (_("Answers"), {"fields": (("context_tokens", "answer_tokens"), "temperature", "instructions")}),
        (_("Choice"), {"fields": (("enabled", "is_default"),)}),
        (_("Prices"), {
            "description": _("Of a million tokens, in your currency. The call log shows what was spent."),
            "fields": (("price_in", "price_out"),),
        }),
    )  # fmt: skip
    change_form_outer_after_template = "admin/search/chatmodel/after.html"

    def get_queryset(self, request: HttpRequest):
        offered()  # the environment's is among them
        return super().get_queryset(request)

    def get_fieldsets(self, request: HttpRequest, obj: ChatModel | None = None):
        if not (obj and obj.is_from_environment):
            return super().get_fieldsets(request, obj)
        words = _("This model is set by KB_CHAT_URL, KB_CHAT_MODEL and KB_CHAT_API_KEY in the environment.")
        return ((None, {"description": words, "fields": SET_OUTSIDE}), *self.fieldsets[1:])

    def get_readonly_fields(self, request: HttpRequest, obj: ChatModel | None = None) -> tuple[str, ...]:
        return SET_OUTSIDE if obj and obj.is_from_environment else ()

    def has_delete_permission(self, request: HttpRequest, obj: ChatModel | None = None) -> bool:
        """The environment's stays as long as it is set there; and what is deleted is chosen one by one."""
        return obj is not None and not (obj.is_from_environment and is_set_outside())

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: ChatModel, form: Any, change: bool) -> None:
        """There is one default: the newest."""
        if obj.is_default:
            ChatModel.objects.exclude(pk=obj.pk).filter(is_default=True).update(is_default=False)
        super().save_model(request, obj, form, change)

    @display(description=_("name"), ordering="name")
    def label_shown(self, model: ChatModel) -> str:
        return model.label

    @display(description=_("offered"), label={_("default"): "success", _("offered"): "info", _("not offered"): ""})
    def state_shown(self, model: ChatModel) -> str:
        is_offered = model.enabled and (is_set_outside() or not model.is_from_environment)
        words = (_("default") if model.is_default else _("offered")) if is_offered else _("not offered")
        return str(words)

    def get_urls(self) -> list:
        served = self.admin_site.admin_view(require_POST(self.served))
        trial = self.admin_site.admin_view(require_POST(self.trial))
        return [
            path("served", served, name="search_chatmodel_served"),
            path("<int:pk>/try", trial, name="search_chatmodel_try"),
            *super().get_urls(),
        ]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ):
        shown = ChatModel.objects.filter(pk=object_id).first() if object_id and object_id.isdigit() else None
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), "chat_model": shown})

    def served(self, request: HttpRequest) -> HttpResponse:
        """What the server at the typed address has, asked with the typed key; the kept one goes only to its own."""
        kept = ChatModel.objects.filter(pk=_number(request.POST.get("chat_model"))).first()
        try:
            names = served_by(_typed(request.POST, kept))
            context: dict[str, Any] = {"served": names, "none_served": not names}
        except ChatError as error:
            context = {"error": error.message}
        return self._answer(request, "served", {**context, "chat_model": kept})

    def trial(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A few words of a saved model, with how long they took."""
        model = ChatModel.objects.filter(pk=pk).first()
        if model is None:
            raise Http404
        try:
            context: dict[str, Any] = {"tried": try_chat(settings_for(model))}
        except ChatError as error:
            context = {"error": error.message}
        return self._answer(request, "tried", {**context, "chat_model": model})

    def _answer(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        if request.htmx:  # type: ignore[attr-defined]
            return render(request, f"admin/search/chatmodel/_{name}.html", context)
        page = {**self.admin_site.each_context(request), "title": self.opts.verbose_name, "opts": self.opts}
        return render(request, "admin/search/chatmodel/try.html", {**page, **context})


def _typed(typed: Any, kept: ChatModel | None) -> ChatSettings:
    """Raises ChatError where the address is none."""
    url = ChatAddressField().to_python(typed.get("url", "")) or (kept.url if kept else "")
    if not url.startswith(("http://", "https://")):
        raise ChatError("away", str(_("An address begins with http:// or https:// and the name of a machine.")))
    known = settings_for(kept) if kept else ChatSettings(url, "")
    key = known.api_key if kept and origin_of(url) == origin_of(kept.url) else ""
    return replace(known, url=url, api_key=typed.get("key", "").strip() or key)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
