"""The form in which a language model is written down. Its key goes in and never comes out."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from search.models import ChatModel
from search.models.chat import FROM_ENVIRONMENT
from search.presets.forms import AddressField

SERVED = "served-models"  # id of the list of what the server has


class ChatAddressField(AddressField):
    """An address up to /v1; what is copied with the path of a chat is cut to it."""

    def to_python(self, value: Any) -> str:
        return super().to_python((value or "").strip().rstrip("/").removesuffix("/chat/completions"))


class ChatModelForm(forms.ModelForm):
    url = ChatAddressField(
        label=_("Address"), max_length=200, widget=UnfoldAdminTextInputWidget,
        help_text=_("of the model server, up to /v1: http://127.0.0.1:11434/v1"),
    )  # fmt: skip
    key = forms.CharField(
        label=_("Key"), required=False, max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False),
    )  # fmt: skip
    forget_key = forms.BooleanField(label=_("Forget the key"), required=False, widget=UnfoldBooleanWidget)

    class Meta:
        model = ChatModel
        fields = ("name", "url", "model", "context_tokens", "answer_tokens", "temperature", "instructions",
                  "enabled", "is_default", "price_in", "price_out")  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "key" in self.fields:
            self.fields["key"].help_text = (
                _("A key is kept; it is shown to nobody again. Type another to replace it.")
                if self.instance.sealed_key
                else _("Servers of one's own mostly want none. It is kept sealed and shown to nobody again.")
            )
        if "model" in self.fields:
            self.fields["model"].widget.attrs["list"] = SERVED

    def _get_validation_exclusions(self) -> set[str]:
        """The model's own check wants a dot in every name; and a new default takes the old one's place."""
        return {*super()._get_validation_exclusions(), "url", "is_default"}  # type: ignore[misc]

    def clean_name(self) -> str:
        name = self.cleaned_data["name"].strip()
        if name == FROM_ENVIRONMENT and not self.instance.is_from_environment:
            raise forms.ValidationError(_("This name is that of the environment's own model."))
        return name

    def clean(self) -> dict[str, Any]:
        super().clean()
        asked = self.cleaned_data
        keeps = self.instance.sealed_key and not asked.get("key") and not asked.get("forget_key")
        if keeps and "url" in asked and origin_of(asked["url"]) != origin_of(self.initial.get("url", "")):
            self.add_error("key", _("The address is another. Type the key for it, or have the old one forgotten."))
        answer, context = asked.get("answer_tokens"), asked.get("context_tokens")
        if answer and context and answer * 2 > context:
            self.add_error("answer_tokens", _("At most half of what it reads: question and passages need room, too."))
        return asked

    def save(self, commit: bool = True) -> ChatModel:
        key, forget = self.cleaned_data.get("key"), self.cleaned_data.get("forget_key")
        if key or forget:
            self.instance.api_key = key or ""
        return super().save(commit)


def origin_of(url: str) -> tuple[str, str]:
    """Who is reached at an address: a key for one is none for another."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
