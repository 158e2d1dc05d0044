"""What people may fill in about themselves and about knowledge bases."""

from datetime import datetime, timedelta

from django import forms
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import Group
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from kb.access import readable_by
from kb.models import ApiKey, Invitation, KnowledgeBase, Role, User

KEY_DAYS = [(30, _("30 days")), (90, _("90 days")), (365, _("a year")), (0, _("ever"))]


class NewPersonForm(UserCreationForm):
    """An account with which somebody can sign in at once."""

    class Meta:
        model = User
        fields = ("username", "email")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["username"].help_text = _("Letters, digits and @ . + - _")
        self.fields["password1"].help_text = _("At least 10 characters, and none of the common ones.")
        self.fields["password2"].help_text = ""

    def administrator(self) -> User:
        """The new person as the installation's administrator."""
        user = self.save(commit=False)
        user.is_staff = user.is_superuser = True
        user.save()
        return user


class AccountForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("first_name", "last_name", "email", "language", "theme")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = [("", _("as the browser")), *self.fields["language"].choices[1:]]


class ApiKeyForm(forms.ModelForm):
    """What a new key is called, what it is for and how long; of the knowledge bases, those that its maker may read."""

    scopes = forms.MultipleChoiceField(
        label=_("It may"), choices=ApiKey.Scope.choices, initial=ApiKey.Scope.values,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("A key that may do nothing is of no use: choose something.")},
    )  # fmt: skip
    days = forms.TypedChoiceField(label=_("It works for"), choices=KEY_DAYS, coerce=int, initial=365)
    knowledge_bases = forms.ModelMultipleChoiceField(
        KnowledgeBase.objects.none(), label=_("Only these knowledge bases"), required=False,
        widget=forms.CheckboxSelectMultiple, help_text=_("None chosen: all that you may read, also later ones."),
    )  # fmt: skip

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "calls_a_minute", "knowledge_bases")
        labels = {"name": _("What will use it, for example: backup script")}

    def __init__(self, *args, user: User, **kwargs):
        super().__init__(*args, **kwargs)
        self.user = user
        bases = self.fields["knowledge_bases"]
        assert isinstance(bases, forms.ModelMultipleChoiceField)
        bases.queryset = readable_by(user)
        self.fields["calls_a_minute"].required = False

    def clean_scopes(self) -> list[str]:
        """All of them is kept as none, so that what comes later is among them."""
        chosen = self.cleaned_data["scopes"]
        return [] if set(chosen) == set(ApiKey.Scope.values) else chosen

    def clean_calls_a_minute(self) -> int:
        return self.cleaned_data["calls_a_minute"] or 0

    def issue(self) -> tuple[ApiKey, str]:
        """The new key and its secret."""
        given = {name: self.cleaned_data[name] for name in self.Meta.fields}
        return ApiKey.issue(self.user, given.pop("name"), expires_at=in_days(self.cleaned_data["days"]), **given)


def in_days(days: int) -> datetime | None:
    """So many days from now; None for 0, which is never."""
    return timezone.now() + timedelta(days=days) if days else None


class KnowledgeBaseForm(forms.ModelForm):
    """What a knowledge base is called, what it is for, who sees it."""

    class Meta:
        model = KnowledgeBase
        fields = ("name", "description", "open_to_everyone")
        widgets = {"description": forms.Textarea(attrs={"rows": 2})}


class DeleteForm(forms.Form):
    """Deleting a knowledge base takes typing its name."""

    name = forms.CharField(label=_("name"), widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args, knowledge_base: KnowledgeBase, **kwargs):
        super().__init__(*args, **kwargs)
        self.knowledge_base = knowledge_base

    def clean_name(self):
        if self.cleaned_data["name"] != self.knowledge_base.name.strip():
            raise forms.ValidationError(_("This is not its name."))
        return self.cleaned_data["name"]


class RoleForm(forms.Form):
    role = forms.ChoiceField(label=_("role"), choices=Role.choices)


class MemberForm(RoleForm):
    """Choose a person or a group. `cleaned_data["member"]` is the User or Group itself."""

    member = forms.ChoiceField(label=_("person or group"))
    field_order = ("member", "role")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._known = {f"user-{user.pk}": user for user in User.objects.filter(is_active=True)}
        people = [(key, f"{user} ({user.username})" if user.get_full_name() else user.username)
                  for key, user in self._known.items()]  # fmt: skip
        groups = {f"group-{group.pk}": group for group in Group.objects.order_by("name")}
        self._known |= groups
        choices = [("", _("choose")), (_("People"), people)]
        if groups:
            choices.append((_("Groups"), [(key, group.name) for key, group in groups.items()]))
        self.fields["member"].choices = choices

    def clean_member(self) -> User | Group:
        return self._known[self.cleaned_data["member"]]


class InvitationForm(forms.ModelForm):
    class Meta:
        model = Invitation
        fields = ("email", "knowledge_base", "role")
        labels = {"role": _("role there")}
        help_texts = {"email": _("Only to remember whom it was for. Nothing is sent.")}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["knowledge_base"].queryset = KnowledgeBase.objects.filter(deleted_at=None)
        self.fields["knowledge_base"].empty_label = _("none for now")
