"""Generations of a knowledge base's index, what is in them, and the vectors that they are made of."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from kb.models import Chunking, Document, KnowledgeBase
from search.models.presets import Preset


class Index(models.Model):
    """A generation: one knowledge base, cut, embedded and asked in one way. One serves while another is filled.

    One on trial is filled to be measured and never serves as such (search.evaluation.lengths).
    """

    class State(models.TextChoices):
        BUILDING = "building", _("being built")
        BUILT = "built", _("built, not in use yet")
        SERVING = "serving", _("serving")
        PREVIOUS = "previous", _("kept to go back to")
        TRIAL = "trial", _("built to be measured")
        RETIRED = "retired", _("retired")

    knowledge_base = models.ForeignKey(
        KnowledgeBase, models.CASCADE, related_name="indexes", verbose_name=_("knowledge base")
    )
    preset = models.ForeignKey(Preset, models.PROTECT, related_name="indexes", verbose_name=_("embedding preset"))
    chunking = models.ForeignKey(Chunking, models.PROTECT, related_name="indexes", verbose_name=_("chunking"))
    dimension = models.PositiveIntegerField(_("dimension"), help_text=_("of the vectors that are searched"))
    query_instruction = models.TextField(_("query instruction"), blank=True, help_text=_("put before a question"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.BUILDING)
    epoch = models.PositiveIntegerField(
        _("epoch"), default=1, help_text=_("counts the rebuilds of the nearest-neighbour index")
    )
    store_ready = models.BooleanField(
        _("nearest-neighbour index in use"),
        default=True,
        help_text=_("While it is not, search is exact, over the stored vectors."),
    )
    words_ready = models.BooleanField(
        _("keyword index complete"), default=True, help_text=_("While it is not, some passages are not found by words.")
    )
    audited_at = models.DateTimeField(_("last checked"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    begun_at = models.DateTimeField(_("begun"), null=True, blank=True, help_text=_("when its building began"))
    tokens_at_first = models.PositiveBigIntegerField(
        default=0, help_text=_("tokens that had no vector when its building began")
    )
    tokens_done = models.PositiveBigIntegerField(default=0, help_text=_("tokens embedded while it was built"))
    seconds_spent = models.FloatField(default=0.0, help_text=_("seconds of embedding while it was built"))
    pace = models.FloatField(null=True, blank=True, help_text=_("tokens a second, as it was lately"))
    whole_at_first = models.PositiveBigIntegerField(
        default=0, help_text=_("tokens of whole documents that were to be read when its building began")
    )
    whole_done = models.PositiveBigIntegerField(default=0, help_text=_("tokens of documents that were read whole"))
    whole_seconds = models.FloatField(default=0.0, help_text=_("seconds of reading them"))
    spent_at = models.DateTimeField(null=True, blank=True, help_text=_("when these were last written"))
    built_at = models.DateTimeField(_("built"), null=True, blank=True)
    served_at = models.DateTimeField(_("served since"), null=True, blank=True)
    retired_at = models.DateTimeField(_("replaced"), null=True, blank=True)
    note = models.TextField(_("note"), blank=True, help_text=_("a sentence about its building, or what holds it up"))
    trial = models.ForeignKey(
        "search.EvaluationRun", models.SET_NULL, null=True, blank=True, editable=False, related_name="trials",
        help_text=_("the evaluation that it is built for"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("index")
        verbose_name_plural = _("indexes")
        ordering = ("knowledge_base", "-created_at")
        constraints = [
            models.UniqueConstraint(
                name="one_index_serves_a_knowledge_base", fields=["knowledge_base"], condition=Q(state="serving")
            ),
            models.UniqueConstraint(
                name="one_index_to_go_back_to", fields=["knowledge_base"], condition=Q(state="previous")
            ),
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


class Refusal(models.Model):
    """This document is not in this index, because the index's model refuses a text of it for good.

    It holds for the text of the document that was ready `at` that time.
    """

    index = models.ForeignKey(Index, models.CASCADE, related_name="refusals")
    document = models.ForeignKey(Document, models.CASCADE, related_name="+")
    reason = models.TextField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(name="a_document_refused_once", fields=["index", "document"])]

    def __str__(self) -> str:
        return f"{self.document}: {self.reason}"


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
        indexes = [
            models.Index(fields=["digest"]),
            models.Index(fields=["preset", "digest", "tokens_read"]),  # the ledger reads it without the vectors
        ]

    def __str__(self) -> str:
        return f"{self.digest[:12]} by {self.preset}"


class DocumentVector(models.Model):
    """A document's whole text as one vector of a preset: of one reading, or the weighted mean of its parts'.

    `digest` names the text that it was made of (a document whose text changed gets another); `data` is little-endian
    float32, of length 1. `parts` readings made it; `from_chunks` says that they were the document's passages, which
    also stand in for the whole while it is being read (`attempt` > 0), and for good where that fails again and again.
    """

    preset = models.ForeignKey(Preset, models.CASCADE, related_name="document_vectors")
    document = models.ForeignKey(Document, models.CASCADE, related_name="vectors")
    digest = models.CharField(max_length=64)
    data = models.BinaryField()
    tokens = models.PositiveIntegerField(help_text=_("of the whole text"))
    tokens_read = models.PositiveIntegerField(help_text=_("tokens that the model really read"))
    parts = models.PositiveIntegerField(default=1)
    from_chunks = models.BooleanField(default=False)
    attempt = models.PositiveSmallIntegerField(default=0, help_text=_("readings that were begun and not finished"))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_vector_a_document", fields=["preset", "document"])]
        indexes = [models.Index(fields=["preset", "digest"])]

    def __str__(self) -> str:
        return f"{self.document} by {self.preset}"


class PartVector(models.Model):
    """A part of a document that is being read whole by parts: kept until all are read, then they become one vector.

    `digest` is the SHA-256 of the part's text; `data` is little-endian float32, of length 1.
    """

    preset = models.ForeignKey(Preset, models.CASCADE, related_name="part_vectors")
    document = models.ForeignKey(Document, models.CASCADE, related_name="part_vectors")
    digest = models.CharField(max_length=64)
    data = models.BinaryField()
    tokens_read = models.PositiveIntegerField(help_text=_("tokens that the model really read"))

    class Meta:
        constraints = [models.UniqueConstraint(name="one_vector_a_part", fields=["preset", "document", "digest"])]

    def __str__(self) -> str:
        return f"a part of {self.document} by {self.preset}"
