"""What is in a knowledge base: documents, their structure and their passages."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from kb.models.knowledge_bases import KnowledgeBase


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
        "self",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("came in"),
        help_text=_("The archive or mail that this document was part of."),
    )
    superseded_by = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="supersedes",
        verbose_name=_("superseded by"),
        help_text=_("The newer version of this document."),
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
    note = models.TextField(
        _("note"), blank=True, help_text=_("What the reader of this document should know of its parsing.")
    )

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
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("uploaded by"),
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
