"""What a person may ask, checked."""

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from search.chat.models import offered
from search.models import ChatModel, Conversation, Message

QUESTION_CHARACTERS = 2000
COMMENT_CHARACTERS = 2000
HYBRID = "hybrid"
MODES = [
    (HYBRID, _("by meaning and by words")),
    ("vector", _("by meaning")),
    ("keyword", _("by words")),
]
MOST_PASSAGES = 50


class IdsField(forms.Field):
    """Ids that come several times under one name. Whether the person may use them is for kb.access to say."""

    widget = forms.CheckboxSelectMultiple

    def to_python(self, value) -> list[uuid.UUID]:
        try:
            return [uuid.UUID(str(each)) for each in value or []]
        except ValueError as error:
            raise forms.ValidationError(_("This is no knowledge base.")) from error


class _Scope(forms.Form):
    """Where to look and how; no knowledge base means all."""

    mode = forms.ChoiceField(label=_("How to search"), choices=MODES, required=False)
    kb = IdsField(label=_("Where to look"), required=False)

    def clean_mode(self) -> str:
        return self.cleaned_data["mode"] or HYBRID


class AskForm(_Scope):
    """A question, of a conversation or the first of a new one."""

    question = forms.CharField(
        label=_("Your question"),
        max_length=QUESTION_CHARACTERS,
        error_messages={"required": _("Write a question first.")},
    )
    conversation = forms.UUIDField(required=False)
    chat_model = forms.ModelChoiceField(
        ChatModel.objects.none(), required=False,
        error_messages={"invalid_choice": _("This language model is not offered any more.")},
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["chat_model"].queryset = offered()  # type: ignore[attr-defined]


class AgainForm(forms.Form):
    """The question of an answer once more, in the same words or in others, by the same language model or another."""

    question = forms.CharField(max_length=QUESTION_CHARACTERS, required=False)
    chat_model = forms.ModelChoiceField(ChatModel.objects.none(), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["chat_model"].queryset = offered()  # type: ignore[attr-defined]


class RatingForm(forms.Form):
    """Whether an answer helped, and what there is to say about it."""

    rating = forms.TypedChoiceField(choices=Message.Rating.choices, coerce=int, empty_value=None, required=False)
    comment = forms.CharField(max_length=COMMENT_CHARACTERS, required=False)


class SearchForm(_Scope):
    """The search page: what would be found, and why."""

    q = forms.CharField(label=_("Words or a question"), max_length=QUESTION_CHARACTERS, required=False)
    top_k = forms.IntegerField(label=_("Passages"), min_value=1, max_value=MOST_PASSAGES, required=False, initial=10)
    compare = forms.BooleanField(label=_("Compare the ways of searching"), required=False)

    def clean_top_k(self) -> int:
        return self.cleaned_data["top_k"] or 10


class RenameForm(forms.ModelForm):
    """A conversation's title."""

    class Meta:
        model = Conversation
        fields = ("title",)
