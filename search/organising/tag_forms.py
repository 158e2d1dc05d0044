"""What managers may say about a tag."""

from django import forms
from django.utils.translation import gettext_lazy as _

from kb.models import KnowledgeBase
from search.models import Tag

MOST = 100  # tags of a knowledge base


class TagForm(forms.ModelForm):
    """A tag's name, and what documents with it are about."""

    class Meta:
        model = Tag
        fields = ("name", "description")
        help_texts = {"description": _("What such documents are about, in a few words: suggestions are made by it.")}

    def __init__(self, *args, knowledge_base: KnowledgeBase, **kwargs):
        super().__init__(*args, **kwargs)
        self.instance.knowledge_base = knowledge_base

    def clean_name(self) -> str:
        name = " ".join(self.cleaned_data["name"].split())
        same = Tag.objects.filter(knowledge_base=self.instance.knowledge_base, name__iexact=name)
        if same.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("There is a tag of this name already."))
        return name

    def clean(self) -> dict:
        super().clean()
        if not self.instance.pk and Tag.objects.filter(knowledge_base=self.instance.knowledge_base).count() >= MOST:
            raise forms.ValidationError(_("A knowledge base can have %(n)s tags at the most.") % {"n": MOST})
        return self.cleaned_data
