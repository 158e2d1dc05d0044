"""People, knowledge bases and passages in the admin panel."""

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from kb import call_admin  # noqa: F401 - it registers itself
from kb.models import ApiKey, Chunk, Document, Invitation, KnowledgeBase, Membership, User


class ReadOnly:
    """Rows that are looked at and not written."""

    def has_add_permission(self, request, *args) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False


def number_of(rows: QuerySet, field: str) -> Coalesce:
    """How many of `rows` point with `field` at the row that is listed: one subquery, whatever else is counted."""
    numbers = rows.filter(**{field: OuterRef("pk")}).order_by().values(field).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(numbers, output_field=IntegerField()), 0)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "email", "is_superuser", "is_active", "number_bases", "last_login")
    list_filter = ("is_superuser", "is_active", ("groups", RelatedDropdownFilter))
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email", "language", "theme")}),
        (_("Rights"), {"fields": ("is_active", "is_superuser", "groups")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).annotate(number_bases=number_of(Membership.objects.all(), "user"))

    @display(description=_("name"), ordering="last_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @display(description=_("knowledge bases"), ordering="number_bases")
    def number_bases(self, user: User) -> int:
        return user.number_bases


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    list_display = ("name", "number_users", "number_bases")
    fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        people = User.groups.through.objects.all()
        return (
            super()
            .get_queryset(request)
            .annotate(
                number_users=number_of(people, "group"), number_bases=number_of(Membership.objects.all(), "group")
            )
        )

    @display(description=_("people"), ordering="number_users")
    def number_users(self, group: Group) -> int:
        return group.number_users

    @display(description=_("knowledge bases"), ordering="number_bases")
    def number_bases(self, group: Group) -> int:
        return group.number_bases


class MembershipForm(forms.ModelForm):
    """A membership is a user's or a group's: said as a sentence before the database says it as a constraint."""

    def clean(self) -> dict:
        super().clean()
        data = self.cleaned_data
        if bool(data.get("user")) == bool(data.get("group")):
            raise forms.ValidationError(_("Choose a user or a group, and not both."))
        return data


class MembershipInline(TabularInline):
    model = Membership
    form = MembershipForm
    autocomplete_fields = ("user", "group")
    extra = 0


@admin.register(Membership)
class MembershipAdmin(ModelAdmin):
    form = MembershipForm
    list_display = ("who", "knowledge_base", "role")
    list_display_links = ("who",)
    list_filter = (("knowledge_base", RelatedDropdownFilter), ("role", ChoicesDropdownFilter))
    list_filter_sheet = False
    list_filter_submit = True
    list_select_related = ("user", "group", "knowledge_base")
    search_fields = ("user__username", "user__last_name", "group__name", "knowledge_base__name")
    autocomplete_fields = ("knowledge_base", "user", "group")

    @display(description=_("member"), ordering="user__username")
    def who(self, membership: Membership) -> str:
        return str(membership.user or _("Group %(name)s") % {"name": membership.group})


@admin.register(KnowledgeBase)
class KnowledgeBaseAdmin(ModelAdmin):
    list_display = ("name", "number_ready", "number_waiting", "number_failed", "number_members", "open_to_everyone",
                    "created_at")  # fmt: skip
    list_filter = ("open_to_everyone",)
    search_fields = ("name", "description")
    readonly_fields = ("created_by", "created_at", "documents")
    fields = ("name", "description", "open_to_everyone", ("chunk_tokens", "chunk_overlap"), "documents",
              ("created_by", "created_at"))  # fmt: skip
    inlines = (MembershipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[KnowledgeBase]:
        living = Document.objects.filter(deleted_at=None)
        return (
            super()
            .get_queryset(request)
            .filter(deleted_at=None)
            .annotate(
                number_ready=number_of(living.filter(status="ready"), "knowledge_base"),
                number_waiting=number_of(living.filter(status__in=("queued", "running")), "knowledge_base"),
                number_failed=number_of(living.filter(status="failed"), "knowledge_base"),
                number_members=number_of(Membership.objects.all(), "knowledge_base"),
            )
        )

    @display(description=_("ready"), ordering="number_ready")
    def number_ready(self, base: KnowledgeBase) -> int:
        return base.number_ready

    @display(description=_("in work"), ordering="number_waiting")
    def number_waiting(self, base: KnowledgeBase) -> int:
        return base.number_waiting

    @display(description=_("failed"), ordering="number_failed")
    def number_failed(self, base: KnowledgeBase) -> int:
        return base.number_failed

    @display(description=_("members"), ordering="number_members")
    def number_members(self, base: KnowledgeBase) -> int:
        return base.number_members

    @display(description=_("documents"))
    def documents(self, base: KnowledgeBase) -> str:
        if base.pk is None or not hasattr(base, "number_ready"):
            return "-"
        address = f"{reverse('admin:kb_document_changelist')}?knowledge_base__id__exact={base.pk}"
        said = _("%(ready)d ready, %(waiting)d in work, %(failed)d failed") % {
            "ready": base.number_ready,
            "waiting": base.number_waiting,
            "failed": base.number_failed,
        }
        return format_html('<a class="lectern-link" href="{}">{}</a>', address, said)

    def view_on_site(self, base: KnowledgeBase) -> str:
        return base.get_absolute_url()

    def save_model(self, request, obj, form, change) -> None:
        obj.created_by = obj.created_by or request.user
        super().save_model(request, obj, form, change)

    # Deleting hides; the reconciler removes every trace. So the page that asks need not walk through every row.
    def get_deleted_objects(self, objs, request):
        said = [
            ngettext("%(name)s with %(n)d document", "%(name)s with %(n)d documents", n) % {"name": base, "n": n}
            for base in objs
            for n in [base.number_ready + base.number_waiting + base.number_failed]
        ]
        return said, {self.opts.verbose_name_plural: len(said)}, set(), []

    def delete_model(self, request: HttpRequest, obj: KnowledgeBase) -> None:
        self.delete_queryset(request, KnowledgeBase.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[KnowledgeBase]) -> None:
        chosen = list(queryset.values_list("pk", flat=True))
        KnowledgeBase.objects.filter(pk__in=chosen).update(deleted_at=timezone.now())


@admin.register(Chunk)
class ChunkAdmin(ReadOnly, ModelAdmin):
    list_display = ("beginning", "source", "ordinal", "page", "tokens")
    list_filter = (("document__knowledge_base", RelatedDropdownFilter),)
    list_filter_submit = True
    list_select_related = ("document__knowledge_base",)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("text", "document__title")
    fields = ("document", ("ordinal", "page", "tokens"), ("start", "end"), "heading_path", "text", "chunking")
    ordering = ("document", "ordinal")

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Chunk]:
        return super().get_queryset(request).filter(document__deleted_at=None).annotate(title=F("document__title"))

    @display(description=_("passage"))
    def beginning(self, chunk: Chunk) -> str:
        return Truncator(chunk.text).chars(120)

    @display(description=_("document"), ordering="document__title")
    def source(self, chunk: Chunk) -> str:
        address = reverse("admin:kb_document_change", args=[chunk.document_id])
        return format_html(
            '<a class="lectern-link" href="{}">{}</a>', address, Truncator(chunk.document.title).chars(60)
        )

    def view_on_site(self, chunk: Chunk) -> str:
        return f"{reverse('document', args=[chunk.document_id])}?chunk={chunk.pk}"


@admin.register(Invitation)
class InvitationAdmin(ReadOnly, ModelAdmin):
    """Made in the product, where its link is shown once; withdrawn here by deleting it."""

    list_display = ("__str__", "knowledge_base", "role", "invited_by", "created_at", "expires_at", "accepted_by")
    list_filter = (("role", ChoicesDropdownFilter),)
    list_select_related = ("knowledge_base", "invited_by", "accepted_by")
    search_fields = ("email", "invited_by__username", "accepted_by__username")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnly, ModelAdmin):
    """Made by its owner, to whom it is shown once; revoked here."""

    list_display = ("name", "user", "beginning", "state", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    search_fields = ("name", "beginning", "user__username")
    actions = ("revoke",)

    @display(description=_("state"), label={"active": "success", "expired": "warning", "revoked": "danger"})
    def state(self, key: ApiKey) -> tuple[str, str]:
        if key.revoked_at:
            return "revoked", str(_("revoked"))
        return ("expired", str(_("expired"))) if key.has_expired else ("active", str(_("in use")))

    @admin.action(description=_("Revoke the chosen keys"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        n = ApiKey.objects.filter(pk__in=queryset.values("pk"), revoked_at=None).update(revoked_at=timezone.now())
        self.message_user(request, ngettext("%(n)d key was revoked.", "%(n)d keys were revoked.", n) % {"n": n})
