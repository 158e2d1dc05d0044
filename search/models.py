"""The index, and the way of a question: presets, indexes, vectors, conversations, citations."""

import hashlib
import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from kb.models import Chunk, Chunking, Document, KnowledgeBase


class Preset(models.Model):
    """An embedding model and how it is used. What changes its vectors is in its fingerprint."""

    class Engine(models.TextChoices):
        LOCAL = "local", _("in the embed worker")
        SERVER = "server", _("a model server")

    name = models.CharField(_("name"), max_length=120, unique=True)
    engine = models.CharField(_("engine"), max_length=10, choices=Engine.choices, default=Engine.LOCAL)
    model = models.CharField(_("model"), max_length=300)
    revision = models.CharField(_("revision"), max_length=80, blank=True)
    dimension = models.PositiveIntegerField(_("dimension"), help_text=_("of the model's full vector"))
    query_instruction = models.TextField(_("query instruction"), blank=True, help_text=_("put before a question"))
    document_instruction = models.TextField(_("document instruction"), blank=True, help_text=_("put before a passage"))
    max_tokens = models.PositiveIntegerField(_("reads"), help_text=_("tokens at the most, special ones included"))
    url = models.URLField(_("address"), blank=True, help_text=_("of the model server"))
    fingerprint = models.CharField(max_length=64, editable=False, unique=True)

    class Meta:
        verbose_name = _("embedding preset")
        verbose_name_plural = _("embedding presets")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def save(self, *args, **kwargs):
        parts = (self.engine, self.model, self.revision, self.dimension, self.document_instruction, self.max_tokens)
        self.fingerprint = hashlib.sha256(repr(parts).encode()).hexdigest()
        super().save(*args, **kwargs)


class Index(models.Model):
    """A generation: one knowledge base, cut and embedded in one way. One serves while another is filled."""

    class State(models.TextChoices):
        BUILDING = "building", _("building")
        SERVING = "serving", _("serving")
        RETIRED = "retired", _("retired")

    knowledge_base = models.ForeignKey(
        KnowledgeBase, models.CASCADE, related_name="indexes", verbose_name=_("knowledge base")
    )
    preset = models.ForeignKey(Preset, models.PROTECT, related_name="indexes", verbose_name=_("embedding preset"))
    chunking = models.ForeignKey(Chunking, models.PROTECT, related_name="indexes", verbose_name=_("chunking"))
    dimension = models.PositiveIntegerField(_("dimension"), help_text=_("of the vectors that are searched"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.BUILDING)
    epoch = models.PositiveIntegerField(
        _("epoch"), default=1, help_text=_("counts the rebuilds of the nearest-neighbour index")
    )
    store_ready = models.BooleanField(
        _("nearest-neighbour index in use"),
        default=True,
        help_text=_("While it is not, search is exact, over the stored vectors."),
    )
    audited_at = models.DateTimeField(_("last checked"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    served_at = models.DateTimeField(_("served since"), null=True, blank=True)

    class Meta:
        verbose_name = _("index")
        verbose_name_plural = _("indexes")
        ordering = ("knowledge_base", "-created_at")
        constraints = [
            models.UniqueConstraint(
                name="one_index_serves_a_knowledge_base", fields=["knowledge_base"], condition=Q(state="serving")
            )
        ]

    def __str__(self) -> str:
        return f"{self.knowledge_base} - {self.preset} - {self.dimension}"

    @property
    def collection(self) -> str:
        """The name of its collection in the vector store: a rebuild gets a new one."""
        return f"index-{self.pk}-{self.epoch}"


class IndexedDocument(models.Model):
    """This document is in this index: every chunk embedded, stored and read back."""

    index = models.ForeignKey(Index, models.CASCADE, related_name="indexed_documents")
    document = models.ForeignKey(Document, models.CASCADE, related_name="indexed_in")
    chunks = models.PositiveIntegerField()
    indexed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="a_document_once_in_an_index", fields=["index", "document"])]

    def __str__(self) -> str:
        return f"{self.document} in {self.index}"


class Vector(models.Model):
    """What a preset's model made of a text: the full vector, kept once however many chunks say the same.

    `digest` is the SHA-256 of the embedded text (Chunk.digest); `data` is little-endian float32, of length 1.
    """

    preset = models.ForeignKey(Preset, models.CASCADE, related_name="vectors")
    digest = models.CharField(max_length=64)
    data = models.BinaryField()
    tokens_read = models.PositiveIntegerField(help_text=_("tokens that the model really read"))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_vector_a_text", fields=["preset", "digest"])]
        indexes = [models.Index(fields=["digest"])]

    def __str__(self) -> str:
        return f"{self.digest[:12]} by {self.preset}"


class Conversation(models.Model):
    """Questions and answers that follow one another. It belongs to one person."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="conversations")
    title = models.CharField(_("title"), max_length=200)
    knowledge_bases = models.ManyToManyField(
        KnowledgeBase, blank=True, related_name="+", help_text=_("where to look; none: all that the person may read")
    )
    created_at = models.DateTimeField(_("begun"), auto_now_add=True)
    updated_at = models.DateTimeField(_("last question"), auto_now=True)

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ("-updated_at",)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("conversation", args=[self.pk])


class Message(models.Model):
    """A question with its answer."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages")
    question = models.TextField(_("question"))
    searched = models.TextField(
        _("searched for"), blank=True, help_text=_("the question with what a follow-up left out")
    )
    answer = models.TextField(_("answer"), blank=True, help_text=_("cites passage n as [n]"))
    is_answered = models.BooleanField(_("answered"), default=False)
    mode = models.CharField(_("mode"), max_length=10, default="hybrid")
    notes = models.JSONField(default=list, help_text=_("sentences about how the answer came about"))
    milliseconds = models.PositiveIntegerField(_("took"), default=0, help_text=_("milliseconds"))
    created_at = models.DateTimeField(_("asked"), auto_now_add=True)

    class Meta:
        ordering = ("created_at", "pk")

    def __str__(self) -> str:
        return self.question[:60]


class Citation(models.Model):
    """A source of an answer, with the passage as it was when it was cited.

    `start` and `end` are offsets in the document's text of the whole passage, `marks` [start, end] pairs of the
    sentences in it that the answer uses. The document is kept apart from the copy: where it is gone, or no longer
    the reader's to read, the copy is not shown either.
    """

    message = models.ForeignKey(Message, models.CASCADE, related_name="citations")
    number = models.PositiveSmallIntegerField()
    document = models.ForeignKey(Document, models.SET_NULL, null=True, related_name="citations")
    chunk = models.ForeignKey(Chunk, models.SET_NULL, null=True, related_name="+")
    title = models.CharField(max_length=300)
    heading_path = models.JSONField(default=list)
    page = models.PositiveIntegerField(null=True, blank=True)
    text = models.TextField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    marks = models.JSONField(default=list)
    boxes = models.JSONField(default=list)
    score = models.FloatField(default=0.0)
    ranks = models.JSONField(default=dict)
    is_cited = models.BooleanField(default=True, help_text=_("whether the answer uses it, or it was only found"))

    class Meta:
        ordering = ("number",)
        constraints = [models.UniqueConstraint(name="one_citation_a_number", fields=["message", "number"])]

    def __str__(self) -> str:
        return f"[{self.number}] {self.title}"
