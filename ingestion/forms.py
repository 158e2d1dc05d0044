"""What a person may send about documents, checked."""

from typing import cast

from django import forms
from django.utils.translation import gettext_lazy as _

from ingestion.listing import ORDER_LABELS, ORDERS, STATUSES
from kb.models import Document, KnowledgeBase

PASTE_CHARACTERS = 5_000_000
PREVIEW_CHARACTERS = 20_000
LISTED = 200  # documents to choose from for a preview


class ListingForm(forms.Form):
    """What the documents page shows. Anything that doesn't fit falls back to the usual."""

    q = forms.CharField(max_length=200, required=False)
    status = forms.ChoiceField(choices=[(name, name) for name in STATUSES], required=False)
    sort = forms.ChoiceField(choices=list(ORDER_LABELS.items()), required=False)
    page = forms.IntegerField(min_value=1, required=False)
    topic = forms.IntegerField(min_value=1, max_value=2**62, required=False)
    tag = forms.IntegerField(min_value=1, max_value=2**62, required=False)

    def chosen(self) -> dict:
        """The arguments of `listing.list_documents`."""
        self.is_valid()
        clean = self.cleaned_data
        order = clean.get("sort") if clean.get("sort") in ORDERS else "newest"
        return {
            "words": clean.get("q") or "",
            "status": clean.get("status") or "",
            "order": order,
            "page": clean.get("page") or 1,
            "topic": clean.get("topic"),
            "tag": clean.get("tag"),
        }


class PasteForm(forms.Form):
    """A text that is typed or pasted instead of uploaded."""

    title = forms.CharField(label=_("Title"), max_length=200)
    text = forms.CharField(
        label=_("Text"), max_length=PASTE_CHARACTERS, widget=forms.Textarea(attrs={"rows": 10}), strip=False
    )

    def clean_text(self) -> str:
        text = self.cleaned_data["text"]
        if not text.strip():
            raise forms.ValidationError(_("There is no text."))
        return text


class ChunkPreviewForm(forms.Form):
    """How a text would be cut into passages."""

    text = forms.CharField(label=_("Your text"), required=False, widget=forms.Textarea(attrs={"rows": 8}), strip=False)
    document = forms.ModelChoiceField(
        label=_("or one of the documents"), queryset=Document.objects.none(), required=False
    )
    chunk_tokens = forms.IntegerField(label=_("Passage length"), min_value=16, max_value=32_768)
    chunk_overlap = forms.IntegerField(label=_("Overlap"), min_value=0, max_value=16_384)

    def __init__(self, *args, knowledge_base: KnowledgeBase, **kwargs):
        super().__init__(*args, **kwargs)
        read = Document.objects.filter(knowledge_base=knowledge_base, deleted_at=None, characters__gt=0)
        documents = cast(forms.ModelChoiceField, self.fields["document"])
        documents.queryset = read.order_by("title")
        documents.choices = [("", _("- none -")), *read.order_by("title").values_list("pk", "title")[:LISTED]]

    def clean_text(self) -> str:
        return self.cleaned_data["text"][:PREVIEW_CHARACTERS]

    def clean(self) -> dict:
        super().clean()
        clean = self.cleaned_data
        tokens, overlap = clean.get("chunk_tokens"), clean.get("chunk_overlap")
        if tokens and overlap and overlap * 2 > tokens:
            self.add_error("chunk_overlap", _("The overlap may be half of the passage length at the most."))
        if not clean.get("text", "").strip() and not clean.get("document"):
            self.add_error("text", _("Paste a text, or choose a document."))
        return clean
