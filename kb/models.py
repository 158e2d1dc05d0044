"""What a knowledge base is: people, knowledge bases, documents and their text."""

import hashlib
import secrets
import uuid

from django.conf import settings
from django.contrib.auth.models import AbstractUser, Group
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A person who signs in; superusers administer the installation."""

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
        _("passage length"), default=220, help_text=_("Tokens in a passage at the most; never more than the model reads.")
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
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="memberships", verbose_name=_("user")
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


def digest_of(token: str) -> str:
    """How a secret token is kept: SHA-256, as it already carries 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


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
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("accepted by")
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


class ApiKey(models.Model):
    """A secret with which a program acts for a user. Only its digest is kept."""

    PREFIX = "lec_"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys")
    name = models.CharField(_("name"), max_length=80)
    beginning = models.CharField(_("begins with"), max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.name} ({self.beginning}...)"

    @classmethod
    def issue(cls, user: User, name: str) -> tuple["ApiKey", str]:
        """A new key and its secret, which is shown once and never again."""
        secret = cls.PREFIX + secrets.token_urlsafe(32)
        return cls.objects.create(user=user, name=name, beginning=secret[:12], digest=digest_of(secret)), secret


class Document(models.Model):
    """A file in a knowledge base. This row is also its job: status, lease, attempts and error."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("in work")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    class Stage(models.TextChoices):
        PARSING = "parsing", _("parsing")
        CHUNKING = "chunking", _("chunking")
        EMBEDDING = "embedding", _("embedding")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    knowledge_base = models.ForeignKey(
        KnowledgeBase, models.CASCADE, related_name="documents", verbose_name=_("knowledge base")
    )
    parent = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, related_name="children", verbose_name=_("came in"),
        help_text=_("The archive or mail that this document was part of."),
    )
    title = models.CharField(_("title"), max_length=300)
    name = models.CharField(_("file name"), max_length=255)
    folder = models.CharField(_("folder"), max_length=500, blank=True)
    media_type = models.CharField(_("type"), max_length=120)
    size = models.PositiveBigIntegerField(_("size"), help_text=_("bytes"))
    sha256 = models.CharField(max_length=64)
    language = models.CharField(_("language"), max_length=10, blank=True)
    pages = models.PositiveIntegerField(_("pages"), null=True, blank=True)
    characters = models.PositiveIntegerField(_("characters"), default=0)
    note = models.TextField(_("note"), blank=True, help_text=_("What the reader of this document should know of its parsing."))

    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.QUEUED)
    stage = models.CharField(_("stage"), max_length=10, choices=Stage.choices, default=Stage.PARSING)
    progress = models.PositiveIntegerField(_("done"), default=0)
    progress_total = models.PositiveIntegerField(_("of"), default=0)
    attempt = models.PositiveSmallIntegerField(_("attempts"), default=0, help_text=_("at this stage"))
    worker = models.CharField(_("worker"), max_length=80, blank=True, help_text=_("who holds the lease"))
    lease_until = models.DateTimeField(_("lease"), null=True, blank=True)
    rung_at = models.DateTimeField(_("rung"), null=True, blank=True, help_text=_("when a worker was last called"))
    error = models.TextField(_("error"), blank=True)

    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("uploaded by")
    )
    created_at = models.DateTimeField(_("uploaded"), default=timezone.now, db_index=True)
    ready_at = models.DateTimeField(_("ready since"), null=True, blank=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        ordering = ("-created_at", "title")
        indexes = [
            models.Index(fields=["knowledge_base", "status"]),
            models.Index(fields=["status", "stage", "lease_until"]),
            models.Index(fields=["sha256"]),
        ]
        constraints = [
            models.UniqueConstraint(
                name="a_file_once_in_a_knowledge_base",
                fields=["knowledge_base", "sha256"],
                condition=Q(deleted_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("document", args=[self.pk])

    @property
    def is_unfinished(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)


class Section(models.Model):
    """A piece of a document's structure: a heading, a paragraph, a list item, a table, a block of code.

    `start` counts in characters of the document's text, which is its sections' texts joined by two line ends.
    `lines` holds, for texts that have a place on a page, [start, end, page, left, top, right, bottom] a line:
    offsets in the document's text, edges as fractions (0 to 1) of the page's width and height.
    """

    class Kind(models.TextChoices):
        HEADING = "heading", _("heading")
        PARAGRAPH = "paragraph", _("paragraph")
        LIST_ITEM = "list_item", _("list item")
        TABLE = "table", _("table")
        CODE = "code", _("code")

    document = models.ForeignKey(Document, models.CASCADE, related_name="sections")
    ordinal = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    depth = models.PositiveSmallIntegerField(default=0, help_text=_("of a heading: 1 is the highest"))
    text = models.TextField()
    start = models.PositiveIntegerField()
    page = models.PositiveIntegerField(null=True, blank=True)
    heading_path = models.JSONField(default=list)
    lines = models.JSONField(default=list)
    table = models.JSONField(null=True, blank=True, help_text=_("rows of cells, the header first"))

    class Meta:
        ordering = ("ordinal",)
        constraints = [models.UniqueConstraint(name="one_section_a_place", fields=["document", "ordinal"])]

    def __str__(self) -> str:
        return self.text[:60]


class Chunking(models.Model):
    """One way of cutting a knowledge base's documents: chunks of two ways can stand side by side."""

    knowledge_base = models.ForeignKey(KnowledgeBase, models.CASCADE, related_name="chunkings")
    tokenizer = models.CharField(_("tokenizer"), max_length=200, help_text=_("the model whose tokens are counted"))
    tokens = models.PositiveIntegerField(_("passage length"))
    overlap = models.PositiveIntegerField(_("overlap"))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_chunking_a_setting", fields=["knowledge_base", "tokenizer", "tokens", "overlap"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.tokens}/{self.overlap} {self.tokenizer}"


class Chunk(models.Model):
    """A passage: what is embedded, found and cited.

    `start` and `end` are offsets in the document's text, of which `text` is the slice. `digest` is the SHA-256 of
    what is embedded: `context` and text. `boxes` holds [page, left, top, right, bottom] a line, as fractions
    of the page, and is empty where there is no page.
    """

    document = models.ForeignKey(Document, models.CASCADE, related_name="chunks")
    chunking = models.ForeignKey(Chunking, models.CASCADE, related_name="chunks")
    ordinal = models.PositiveIntegerField()
    text = models.TextField()
    context = models.TextField(blank=True, help_text=_("title, headings, a table's header: read above the text"))
    heading_path = models.JSONField(default=list)
    page = models.PositiveIntegerField(null=True, blank=True)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    boxes = models.JSONField(default=list)
    tokens = models.PositiveIntegerField(help_text=_("of what is embedded, by the model's own tokenizer"))
    digest = models.CharField(max_length=64, db_index=True)

    class Meta:
        ordering = ("ordinal",)
        constraints = [models.UniqueConstraint(name="one_chunk_a_place", fields=["document", "chunking", "ordinal"])]

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def embedded_text(self) -> str:
        """What the embedding model reads: where the passage stands, then the passage."""
        return f"{self.context}\n{self.text}" if self.context else self.text


class ServiceBeat(models.Model):
    """When a service last said that it is alive, and what it is doing."""

    name = models.CharField(max_length=120, primary_key=True)
    kind = models.CharField(max_length=20)
    seen_at = models.DateTimeField(auto_now=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ("kind", "name")

    def __str__(self) -> str:
        return self.name
