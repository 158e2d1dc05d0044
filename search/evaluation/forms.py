"""What may be asked of an evaluation, and saved as a question, checked."""

import re
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from kb.models import Document, KnowledgeBase
from search.evaluation.question_files import MOST_CHARACTERS
from search.evaluation.question_sets import MOST_NAME, complete
from search.evaluation.relevance import Place
from search.models import Index, QuestionSet

CHOICE = re.compile(r"(?P<document>[0-9a-f-]{36})(?::(?P<start>\d{1,9})-(?P<end>\d{1,9}))?")


class StartForm(forms.Form):
    """Which questions to ask of which index."""

    question_set = forms.ModelChoiceField(
        QuestionSet.objects.none(), label=_("Questions"), required=False, empty_label=_("all saved questions")
    )
    index = forms.ModelChoiceField(
        Index.objects.none(), label=_("Index"), required=False, empty_label=_("the one that serves")
    )

    def __init__(self, *args, knowledge_base: KnowledgeBase, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.knowledge_base = knowledge_base
        states = (Index.State.BUILT, Index.State.PREVIOUS)
        kept = knowledge_base.indexes.filter(state__in=states).select_related("preset", "chunking")
        self.fields["question_set"].queryset = knowledge_base.question_sets.all()  # type: ignore[attr-defined]
        self.fields["index"].queryset = kept  # type: ignore[attr-defined]
        self.fields["index"].label_from_instance = index_name  # type: ignore[attr-defined]
        if not kept:
            del self.fields["index"]

    def clean(self) -> dict:
        from search.evaluation.evaluate import questions_of

        asked = super().clean() or self.cleaned_data
        if not complete(questions_of(self.knowledge_base, asked.get("question_set"))).exists():
            raise forms.ValidationError(_("There is no saved question with a document that is still there."))
        return asked


def index_name(index: Index) -> str:
    """An index by what tells it from others: its model, dimension, passage length and state."""
    words = _("%(preset)s, %(dimension)d dimensions, passages of %(tokens)d tokens (%(state)s)")
    return words % {
        "preset": index.preset, "dimension": index.dimension, "tokens": index.chunking.tokens,
        "state": index.get_state_display(),
    }  # fmt: skip


class SetForm(forms.ModelForm):
    """A set's name, which no other set of the knowledge base has."""

    class Meta:
        model = QuestionSet
        fields = ("name",)

    def clean_name(self) -> str:
        name = self.cleaned_data["name"].strip()
        others = QuestionSet.objects.filter(knowledge_base=self.instance.knowledge_base, name=name)
        if others.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("There is a set with this name already."))
        return name


class ImportForm(forms.Form):
    """A file of questions, and the set that they come into."""

    file = forms.FileField(
        label=_("File"),
        help_text=_(
            "CSV or JSON lines with question, document, passage and grade; or a BEIR folder as ZIP. Where document and "
            "passage are left empty, nothing here answers the question."
        ),
    )
    set_name = forms.CharField(
        label=_("Into the set"), max_length=MOST_NAME, required=False, help_text=_("empty: named after the file")
    )

    def clean(self) -> dict:
        asked = super().clean() or self.cleaned_data
        if asked.get("file") and not asked.get("set_name"):
            asked["set_name"] = asked["file"].name.rsplit(".", 1)[0][:MOST_NAME] or str(_("Uploaded"))
        return asked


class QuestionForm(forms.Form):
    """A question and what answers it: "document", "document:start-end" for a part of its text, or nothing here."""

    question = forms.CharField(
        label=_("Question"),
        max_length=MOST_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Write a question first.")},
    )
    unanswerable = forms.BooleanField(
        label=_("Nothing here answers it"),
        required=False,
        help_text=_("It is to be refused. Such questions show whether it is said where nothing answers."),
    )
    relevant = forms.Field(required=False, widget=forms.SelectMultiple)

    def __init__(self, *args, knowledge_base: KnowledgeBase, needs_relevant: bool = True, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.knowledge_base, self.needs_relevant = knowledge_base, needs_relevant

    def clean_question(self) -> str:
        return self.cleaned_data["question"].replace("\x00", "").strip()

    def clean_relevant(self) -> list[Place]:
        """Raises ValidationError unless each document is one of this knowledge base."""
        places = [_place(said) for said in self.cleaned_data["relevant"] or []]
        living = Document.objects.filter(knowledge_base=self.knowledge_base, deleted_at=None)
        asked = {place.document_id for place in places}
        if living.filter(pk__in=asked).count() != len(asked):
            raise forms.ValidationError(_("One of the documents is not there any more."))
        if self.cleaned_data.get("unanswerable"):
            return []
        if self.needs_relevant and not places:
            raise forms.ValidationError(_("Choose at least one document or passage that answers the question."))
        return places


def _place(said: str) -> Place:
    found = CHOICE.fullmatch(str(said))
    try:
        if found:
            document, start, end = UUID(found["document"]), found["start"], found["end"]
            return Place(document) if start is None else Place(document, int(start), max(int(start) + 1, int(end)))
    except ValueError:
        pass
    raise forms.ValidationError(_("This is no document of this knowledge base."))
