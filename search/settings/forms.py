"""What the managers of a knowledge base may set about its search."""

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from kb.models import KnowledgeBase
from search.embedders import EmbeddingError
from search.generations.wanted import LONGEST_PASSAGE, SHORTEST_PASSAGE, Shape, shape_for
from search.models import Preset, SearchSettings
from search.presets.chosen import default_preset
from search.presets.facts import Facts, facts_about
from search.presets.sizes import dimensions_of, size_of


class SearchSettingsForm(forms.ModelForm):
    """The settings, and how the documents are cut. `shape` is what they would ask for; nothing is saved before."""

    chunk_tokens = forms.IntegerField(
        label=_("passage length"),
        min_value=SHORTEST_PASSAGE,
        max_value=LONGEST_PASSAGE,
        help_text=_("Tokens in a passage at the most; never more than the model reads."),
    )
    chunk_overlap = forms.IntegerField(
        label=_("overlap"), min_value=0, help_text=_("Tokens that a passage repeats from the one before it.")
    )
    query_instruction = forms.CharField(
        label=_("query instruction"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Put before each question, as it stands. Changing it embeds nothing."),
    )

    class Meta:
        model = SearchSettings
        fields = (
            "preset", "dimension", "query_instruction", "switch", "switch_without_refused", "vector_weight",
            "document_weight", "candidates", "rank_constant", "rescore", "rerank", "rerank_candidates",
            "passages_a_document", "fold", "superseded_last", "answer_limits", "strictness", "evaluate_every_days",
        )  # fmt: skip
        widgets = {"strictness": forms.NumberInput(attrs={"type": "range", "min": -100, "max": 100})}

    def __init__(self, *args, knowledge_base: KnowledgeBase, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.knowledge_base = knowledge_base
        self.before = self.instance.preset or _default()
        self.preset = self._chosen() or self.before
        fields = self.fields
        fields["preset"].choices = _presets()  # type: ignore[attr-defined]
        fields["dimension"].widget = forms.Select(choices=_dimensions(self.preset))
        fields["dimension"].help_text = _("Shorter vectors take less memory. Changing it embeds nothing.")
        for name in ("chunk_tokens", "chunk_overlap"):
            fields[name].initial = getattr(knowledge_base, name)
        if self.instance.query_instruction is None and self.preset:
            self.initial["query_instruction"] = self.preset.query_instruction

    @property
    def preset_facts(self) -> Facts | None:
        """What is known of the chosen model."""
        return facts_about(self.preset) if self.preset else None

    @property
    def preset_key(self) -> str:
        """Of the chosen model, for the page."""
        return str(self.preset.pk) if self.preset else ""

    @property
    def own_instruction(self) -> str:
        """Of the chosen model."""
        return self.preset.query_instruction if self.preset else ""

    def _chosen(self) -> Preset | None:
        chosen = self.data.get("preset", "") if self.is_bound else self.instance.preset_id
        if not chosen:
            return _default() if self.is_bound else None
        return _found(str(chosen))

    def take_on_the_model(self) -> None:
        """After another model was chosen: a dimension that it has not, and the other one's instruction, give way."""
        data = {**self.data.dict()} if isinstance(self.data, QueryDict) else {**self.data}
        dimension = str(data.get("dimension", ""))
        if self.preset and not (dimension.isdigit() and self.preset.allows(int(dimension))):
            data["dimension"] = ""
        if self.preset and self.clean_query_instruction_of(str(data.get("query_instruction", ""))) is None:
            data["query_instruction"] = self.preset.query_instruction
        self.data = data

    def clean_query_instruction_of(self, text: str) -> str | None:
        """None where it is the model's own: of the one that the page showed it for."""
        text = text.replace("\r\n", "\n")
        shown = _found(self.data.get("shown_for", "")) or self.before
        return None if shown and text == shown.query_instruction else text

    def clean_query_instruction(self) -> str | None:
        return self.clean_query_instruction_of(self.cleaned_data["query_instruction"])

    def clean_dimension(self) -> int | None:
        dimension, preset = self.cleaned_data["dimension"], self.preset
        if preset is None or dimension in (None, preset.dimension):
            return None
        if not preset.allows(dimension):
            known = {"model": preset, "dimension": dimension}
            raise forms.ValidationError(_("The vectors of %(model)s cannot be cut to %(dimension)d.") % known)
        return dimension

    def clean(self) -> dict:
        values = super().clean() or {}
        tokens, overlap = values.get("chunk_tokens"), values.get("chunk_overlap")
        if tokens is not None and overlap is not None and overlap * 2 > tokens:
            self.add_error("chunk_overlap", _("The overlap can be half of the passage length at the most."))
        return values

    def shape(self) -> Shape:
        """Of a valid form. Raises EmbeddingError where the installation's model is asked for and not here."""
        base = self.knowledge_base
        base.chunk_tokens, base.chunk_overlap = self.cleaned_data["chunk_tokens"], self.cleaned_data["chunk_overlap"]
        return shape_for(base, self.instance)

    def save(self, commit: bool = True) -> SearchSettings:
        self.instance.knowledge_base = self.knowledge_base
        base = self.knowledge_base
        base.chunk_tokens, base.chunk_overlap = self.cleaned_data["chunk_tokens"], self.cleaned_data["chunk_overlap"]
        base.save(update_fields=["chunk_tokens", "chunk_overlap"])
        return super().save(commit)


class LimitsForm(forms.ModelForm):
    """The limits of answering alone, to see what they would do."""

    class Meta:
        model = SearchSettings
        fields = ("answer_limits", "strictness")


def _found(key: str) -> Preset | None:
    return Preset.objects.filter(pk=key).first() if key.isdigit() else None


def _default() -> Preset | None:
    try:
        return default_preset()
    except EmbeddingError:
        return None


def _presets() -> list[tuple[str, str]]:
    usual = _default()
    name = _("the installation's: %(model)s") % {"model": usual} if usual else _("the installation's")
    return [("", str(name)), *((str(one.pk), one.name) for one in Preset.objects.all())]


def _dimensions(preset: Preset | None) -> list[tuple[str, str]]:
    if preset is None:
        return [("", str(_("the full one")))]
    full, *shorter = dimensions_of(preset)
    label = _("%(dimension)d, %(size)s a passage")
    listed = [(str(one), str(label % {"dimension": one, "size": size_of(one)})) for one in shorter]
    whole = _("%(dimension)d, the full vector: %(size)s a passage") % {"dimension": full, "size": size_of(full)}
    return [("", str(whole)), *listed]
