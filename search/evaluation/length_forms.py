"""Which passage lengths to compare, checked."""

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from kb.models import KnowledgeBase
from search.evaluation.evaluate import questions_of
from search.evaluation.lengths import LengthsError, Plan, numbers_in, plan, usual_lengths
from search.evaluation.question_sets import complete
from search.models import QuestionSet


class LengthsForm(forms.Form):
    """Lengths in tokens, and the questions to ask. `plan` is what a valid one takes."""

    lengths = forms.CharField(label=_("Passage lengths in tokens"), max_length=100)
    question_set = forms.ModelChoiceField(
        QuestionSet.objects.none(), label=_("Questions"), required=False, empty_label=_("all saved questions")
    )
    plan: Plan

    def __init__(self, data: QueryDict | None = None, *, knowledge_base: KnowledgeBase) -> None:
        super().__init__(data, auto_id="id_lengths_%s")
        self.knowledge_base = knowledge_base
        self.fields["question_set"].queryset = knowledge_base.question_sets.all()  # type: ignore[attr-defined]
        self.fields["lengths"].initial = ", ".join(map(str, usual_lengths(knowledge_base)))

    def clean_lengths(self) -> str:
        said = self.cleaned_data["lengths"]
        try:
            self.plan = plan(self.knowledge_base, numbers_in(said))
        except LengthsError as error:
            raise forms.ValidationError(error.message) from error
        return said

    def clean(self) -> dict:
        asked = super().clean() or self.cleaned_data
        if not complete(questions_of(self.knowledge_base, asked.get("question_set"))).exists():
            raise forms.ValidationError(_("There is no saved question with a document that is still there."))
        return asked
