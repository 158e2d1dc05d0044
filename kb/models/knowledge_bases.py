"""What is asked and shared as one: knowledge bases, their members and invitations to them."""

import uuid

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a member may do; each role may do what the ones before it may."""

    VIEWER = "viewer", _("viewer - asks and reads")
    EDITOR = "editor", _("editor - also adds and removes documents")
    MANAGER = "manager", _("manager - also changes settings and members")


class KnowledgeBase(models.Model):
    """A set of documents that is asked as one and shared as one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=120)
    description = models.CharField(_("description"), max_length=400, blank=True)
    open_to_everyone = models.BooleanField(
        _("open to everyone"), default=False, help_text=_("Everyone who can sign in may ask and read.")
    )
    chunk_tokens = models.PositiveIntegerField(
        _("passage length"),
        default=220,
        help_text=_("Tokens in a passage at the most; never more than the model reads."),
    )
    chunk_overlap = models.PositiveIntegerField(
        _("overlap"), default=30, help_text=_("Tokens that a passage repeats from the one before it.")
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("created by")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("knowledge base")
        verbose_name_plural = _("knowledge bases")
        ordering = ("name", "created_at")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("knowledge_base", args=[self.pk])


class Membership(models.Model):
    """The role of a user, or of all users of a group, in a knowledge base."""

    knowledge_base = models.ForeignKey(KnowledgeBase, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="memberships",
        verbose_name=_("user"),
    )
    group = models.ForeignKey(
        Group, models.CASCADE, null=True, blank=True, related_name="memberships", verbose_name=_("group")
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.VIEWER)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.CheckConstraint(
                name="membership_of_user_or_group",
                condition=Q(user__isnull=False, group__isnull=True) | Q(user__isnull=True, group__isnull=False),
            ),
            models.UniqueConstraint(name="one_membership_a_user", fields=["knowledge_base", "user"]),
            models.UniqueConstraint(name="one_membership_a_group", fields=["knowledge_base", "group"]),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.group}: {self.role}"


class Invitation(models.Model):
    """A link, valid once and for some days, with which a new person makes an account."""

    email = models.EmailField(_("email address"), blank=True)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    knowledge_base = models.ForeignKey(
        KnowledgeBase, models.CASCADE, null=True, blank=True, verbose_name=_("member of"), related_name="invitations"
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.VIEWER)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"))
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("accepted by"),
    )

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.email or str(self.created_at.date())

    @property
    def is_open(self) -> bool:
        return self.accepted_by_id is None and self.expires_at > timezone.now()
