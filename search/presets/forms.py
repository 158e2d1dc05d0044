"""Forms in which presets are written, checked for what a model or a server cannot be."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from search.models import Preset, RerankPreset

INSTRUCTIONS = ("query_instruction", "document_instruction", "classification_instruction", "clustering_instruction")
TOO_FAR = ("/embeddings", "/models")  # of an address that is copied from somewhere


class InstructionField(forms.CharField):
    """A prefix that is put before texts as it is: its blanks count, and its line ends are those of the models."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "strip": False})

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")


class AddressField(forms.CharField):
    """http(s)://name:port/path; a name without dots will do, as machines and containers have on their own network."""

    def to_python(self, value: Any) -> str:
        text = (super().to_python(value) or "").rstrip("/")
        for end in TOO_FAR:
            text = text.removesuffix(end)
        return text

    def validate(self, value: str) -> None:
        super().validate(value)
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or " " in value):
            raise forms.ValidationError(_("An address begins with http:// or https:// and the name of a machine."))


class _WithAddress(forms.ModelForm):
    def _get_validation_exclusions(self) -> set[str]:
        """The model's own check wants a dot in every name."""
        return {*super()._get_validation_exclusions(), "url"}  # type: ignore[misc]

    def _needs_address(self, engine: str | None) -> None:
        if engine == "server" and not self.cleaned_data.get("url") and "url" not in self.errors:
            self.add_error("url", _("A model server is reached at an address."))


class PresetForm(_WithAddress):
    url = AddressField(
        required=False, label=_("Address"), max_length=200, widget=UnfoldAdminTextInputWidget,
        help_text=_("of the model server, up to /v1: http://127.0.0.1:11434/v1"),
    )  # fmt: skip

    class Meta:
        model = Preset
        fields = (
            *Preset.SHAPING,
            "name",
            "shortest",
            "batch_tokens",
            "url",
            "api_key_variable",
            *INSTRUCTIONS[:1],
            *INSTRUCTIONS[2:],
        )
        field_classes = dict.fromkeys(INSTRUCTIONS, InstructionField)

    def clean(self) -> dict[str, Any]:
        super().clean()
        self._needs_address(self._value("engine"))
        self._keeps_its_bounds()
        self._is_no_other()
        return self.cleaned_data

    def _value(self, field: str) -> Any:
        """What is typed in, or what stands in a field that cannot be written any more."""
        return self.cleaned_data.get(field, getattr(self.instance, field))

    def _keeps_its_bounds(self) -> None:
        dimension, shortest = self._value("dimension"), self.cleaned_data.get("shortest")
        if shortest and dimension and shortest > dimension:
            self.add_error("shortest", _("The shortest dimension is at most the full one."))
        for field in ("dimension", "max_tokens"):
            if field in self.cleaned_data and not self.cleaned_data[field]:
                self.add_error(field, _("At least 1."))

    def _is_no_other(self) -> None:
        """Presets that make the same vectors are one preset, so that a text is embedded once for both."""
        if self.errors:
            return
        wanted = Preset(**{field: self._value(field) for field in Preset.SHAPING})
        same = Preset.objects.filter(fingerprint=wanted.shape()).exclude(pk=self.instance.pk).first()
        if same is not None:
            message = _(
                "The preset “%(name)s” makes the same vectors. A knowledge base may have a query instruction of its "
                "own in its search settings."
            )
            self.add_error(None, forms.ValidationError(message, params={"name": same.name}))
        elif self.instance.pk and self.instance.has_vectors and wanted.shape() != self.instance.fingerprint:
            self.add_error("backend", _("There are vectors of this preset, and this backend would make others."))


class RerankPresetForm(_WithAddress):
    url = AddressField(
        required=False, label=_("Address"), max_length=200, widget=UnfoldAdminTextInputWidget,
        help_text=_("of the model server, with the path that is asked: http://127.0.0.1:8080/v1/rerank"),
    )  # fmt: skip

    class Meta:
        model = RerankPreset
        fields = ("name", "engine", "model", "revision", "url", "api_key_variable", "instruction", "max_tokens")
        field_classes = {"instruction": InstructionField}

    def clean(self) -> dict[str, Any]:
        super().clean()
        self._needs_address(self.cleaned_data.get("engine"))
        return self.cleaned_data
