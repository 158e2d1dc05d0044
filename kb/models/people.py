"""Who works with Lectern: people and the programs that act for them."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A person who signs in; superusers administer the installation.

    `acting_key` is set by kb/api_keys.py where a program acts for the person: kb/access.py then allows no more than
    that key does. It is None for the person's own sessions, and is no column.
    """

    acting_key: "ApiKey | None" = None

    class Theme(models.TextChoices):
        AUTO = "auto", _("as the device")
        LIGHT = "light", _("light")
        DARK = "dark", _("dark")

    email = models.EmailField(_("email address"), blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True, choices=settings.LANGUAGES)
    theme = models.CharField(_("appearance"), max_length=5, choices=Theme.choices, default=Theme.AUTO)

    class Meta(AbstractUser.Meta):
        ordering = ("username",)

    def __str__(self) -> str:
        return self.get_full_name() or self.username


def digest_of(token: str) -> str:
    """How a secret token is kept: SHA-256, as it already carries 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


class ApiKey(models.Model):
    """A secret with which a program acts for a user. Only its digest is kept.

    It may do what its scopes name, and never more than its user may; an empty list is all of them. One that
    `is_limited` sees its `knowledge_bases` alone, and none once these are gone.
    """

    class Scope(models.TextChoices):
        READ = "read", _("search, read documents")
        ASK = "ask", _("ask questions, chat")
        WRITE = "write", _("add, change and delete documents")
        MANAGE = "manage", _("change settings of knowledge bases")
        MODELS = "models", _("use the embedding and reranking models")

    PREFIX = "lec_"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys")
    name = models.CharField(_("name"), max_length=80)
    beginning = models.CharField(_("begins with"), max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    scopes = models.JSONField(_("may"), default=list, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    calls_a_minute = models.PositiveIntegerField(
        _("calls a minute"), default=0, help_text=_("at the most; 0: as the installation allows")
    )
    knowledge_bases = models.ManyToManyField(
        "kb.KnowledgeBase", blank=True, related_name="+", verbose_name=_("only these knowledge bases")
    )
    is_limited = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.name} ({self.beginning}...)"

    @classmethod
    @transaction.atomic
    def issue(
        cls,
        user: User,
        name: str,
        *,
        scopes: Iterable[str] = (),
        expires_at: datetime | None = None,
        calls_a_minute: int = 0,
        knowledge_bases: Iterable[Any] = (),
    ) -> tuple["ApiKey", str]:
        """A new key and its secret, which is shown once and never again."""
        secret = cls.PREFIX + secrets.token_urlsafe(32)
        only = list(knowledge_bases)
        key = cls.objects.create(
            user=user, name=name, beginning=secret[:12], digest=digest_of(secret), scopes=list(scopes),
            expires_at=expires_at, calls_a_minute=calls_a_minute, is_limited=bool(only),
        )  # fmt: skip
        key.knowledge_bases.set(only)
        return key, secret

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def may(self, scope: str) -> bool:
        """Whether its scopes name this one."""
        return not self.scopes or scope in self.scopes

    @property
    def scope_names(self) -> list[str]:
        """What it may do, for people; nothing where it may do all."""
        return [str(self.Scope(scope).label) for scope in self.scopes if scope in self.Scope.values]
