"""What was asked and answered, with the passages as they were."""

import uuid

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from kb.models import Chunk, Document, KnowledgeBase
from search.models.chat import ChatModel


class Conversation(models.Model):
    """Questions and answers that follow one another. It belongs to one person."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="conversations")
    title = models.CharField(_("title"), max_length=200)
    knowledge_bases = models.ManyToManyField(
        KnowledgeBase, blank=True, related_name="+", help_text=_("where to look; none: all that the person may read")
    )
    chat_model = models.ForeignKey(
        ChatModel, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("language model")
    )
    share_token = models.CharField(
        max_length=64, null=True, blank=True, unique=True, editable=False,
        help_text=_("part of the link under which others who may read the sources may read this"),
    )  # fmt: skip
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
    """A question with its answer.

    While a language model writes it, `state` is "writing" and `answer` what is written so far, kept now and then;
    `beat_at` says when the process that writes was last alive. `support` holds a search.support.Support a sentence of
    the answer, offsets in `answer`; it comes some moments after the answer has ended, until when `awaits_check` is set,
    and may put numbers into it. A message that was asked or answered again stays, with `replaced_by` naming what took
    its place.
    """

    class State(models.TextChoices):
        WRITING = "writing", _("being written")
        DONE = "done", _("done")
        STOPPED = "stopped", _("stopped")
        FAILED = "failed", _("cut off")

    class Rating(models.IntegerChoices):
        DOWN = -1, _("not helpful")
        NONE = 0, _("not rated")
        UP = 1, _("helpful")

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages")
    question = models.TextField(_("question"))
    searched = models.TextField(
        _("searched for"), blank=True, help_text=_("the question with what a follow-up left out")
    )
    answer = models.TextField(_("answer"), blank=True, help_text=_("cites passage n as [n]"))
    is_answered = models.BooleanField(_("answered"), default=False)
    mode = models.CharField(_("mode"), max_length=10, default="hybrid")
    notes = models.JSONField(default=list, help_text=_("sentences about how the answer came about"))
    closest = models.JSONField(default=list, help_text=_("ids of the nearest documents, where nothing answers it"))
    milliseconds = models.PositiveIntegerField(_("took"), default=0, help_text=_("milliseconds"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.DONE)
    chat_model = models.ForeignKey(
        ChatModel, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("language model")
    )
    model_name = models.CharField(_("written by"), max_length=200, blank=True)
    beat_at = models.DateTimeField(null=True, blank=True)
    support = models.JSONField(default=list)
    awaits_check = models.BooleanField(default=False)
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    rating = models.SmallIntegerField(_("rating"), choices=Rating.choices, default=Rating.NONE)
    comment = models.TextField(_("comment"), blank=True)
    rated_at = models.DateTimeField(null=True, blank=True)
    replaced_by = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="replaces", editable=False
    )
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
