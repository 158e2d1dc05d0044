"""Embedding and reranking models, and how they are used."""

import hashlib

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from search.presets.server_keys import EMBEDDING, RERANKING, is_key


def _must_name_a_key(variable: str) -> None:
    _must_be(EMBEDDING, variable)


def _must_name_a_reranking_key(variable: str) -> None:
    _must_be(RERANKING, variable)


def _must_be(kind: str, variable: str) -> None:
    if not is_key(variable, kind):
        message = _("%(name)s, or %(name)s_ and a name in capitals: no other variable is sent.")
        raise ValidationError(message, params={"name": kind})


class Preset(models.Model):
    """An embedding model and how it is used. What changes its documents' vectors is in its fingerprint.

    Retrieval is the task that every model has; one that follows instructions may be told two more: with the
    classification instruction tags are suggested, with the clustering instruction topics are found. Instructions are
    whole prefixes, put before the text as they are, line ends included.
    """

    SHAPING = (
        "engine", "model", "revision", "dimension", "document_instruction", "max_tokens", "pooling", "backend", "dtype",
    )  # fmt: skip

    class Engine(models.TextChoices):
        LOCAL = "local", _("in the embed worker")
        SERVER = "server", _("a model server")

    class Backend(models.TextChoices):
        AUTO = "auto", _("the fastest exact one")
        TORCH = "torch", _("PyTorch")
        OPENVINO = "openvino", _("OpenVINO, on a CPU")
        INT8 = "openvino-int8", _("OpenVINO with 8-bit numbers, on a CPU: faster, a little less exact")

    class Precision(models.TextChoices):
        AUTO = "auto", _("as suits the machine that makes the first vectors")
        FLOAT32 = "float32", "float32"
        BFLOAT16 = "bfloat16", "bfloat16"
        FLOAT16 = "float16", "float16"

    class Pooling(models.TextChoices):
        MODEL = "", _("as the model says")
        MEAN = "mean", _("mean")
        CLS = "cls", _("first token")
        LAST = "lasttoken", _("last token")

    name = models.CharField(_("name"), max_length=120, unique=True)
    engine = models.CharField(_("engine"), max_length=10, choices=Engine.choices, default=Engine.LOCAL)
    model = models.CharField(_("model"), max_length=300, help_text=_("a name, or the folder of one"))
    revision = models.CharField(_("revision"), max_length=80, blank=True)
    dimension = models.PositiveIntegerField(_("dimension"), help_text=_("of the model's full vector"))
    shortest = models.PositiveIntegerField(
        _("shortest dimension"),
        null=True,
        blank=True,
        help_text=_("to which its vectors may be cut (Matryoshka); empty: they may not be cut"),
    )
    query_instruction = models.TextField(_("query instruction"), blank=True, help_text=_("put before a question"))
    document_instruction = models.TextField(_("document instruction"), blank=True, help_text=_("put before a passage"))
    classification_instruction = models.TextField(
        _("classification instruction"), blank=True, help_text=_("put before a document for which tags are looked for")
    )
    clustering_instruction = models.TextField(
        _("clustering instruction"), blank=True, help_text=_("put before a document that is sorted into topics")
    )
    pooling = models.CharField(_("pooling"), max_length=10, choices=Pooling.choices, blank=True, default="")
    max_tokens = models.PositiveIntegerField(_("reads"), help_text=_("tokens at the most, special ones included"))
    backend = models.CharField(_("backend"), max_length=15, choices=Backend.choices, default=Backend.AUTO)
    dtype = models.CharField(
        _("precision"), max_length=10, choices=Precision.choices, default=Precision.AUTO,
        help_text=_("in the embed worker; by itself bfloat16 on a GPU that computes in it, else float32"),
    )  # fmt: skip
    precision = models.CharField(max_length=10, blank=True, editable=False)
    """Of its vectors, once there are some, where `dtype` leaves it to the machine."""
    batch_tokens = models.PositiveIntegerField(
        _("batch"), default=0, help_text=_("tokens that are embedded at once; 0: as many as the device likes")
    )
    url = models.URLField(_("address"), blank=True, help_text=_("of the model server, up to /v1"))
    api_key_variable = models.CharField(
        _("its key"), max_length=80, blank=True, validators=[_must_name_a_key],
        help_text=_(
            "the environment variable that has it: KB_EMBEDDING_API_KEY, or that and _ and a name; the key goes to "
            "this address alone. Empty: none, except to the server at KB_EMBEDDING_URL"
        ),
    )  # fmt: skip
    fingerprint = models.CharField(max_length=64, editable=False, unique=True)

    class Meta:
        verbose_name = _("embedding preset")
        verbose_name_plural = _("embedding presets")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def save(self, *args, **kwargs):
        self.fingerprint = self.shape()
        super().save(*args, **kwargs)

    def shape(self) -> str:
        """A digest of what shapes the vectors of its documents: the same shape, the same vectors."""
        parts: tuple = (
            str(self.engine), self.model, self.revision, self.dimension, self.document_instruction, self.max_tokens,
        )  # fmt: skip
        if self.pooling:
            parts += (str(self.pooling),)
        if self.backend == self.Backend.INT8:
            parts += (str(self.backend),)  # the exact backends make the same vectors (cosine of .999 and more)
        if self.dtype != self.Precision.AUTO:
            parts += (str(self.dtype),)  # else `precision` says it, which never changes
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    @property
    def has_vectors(self) -> bool:
        return self.vectors.exists() or self.indexes.exists()

    def allows(self, dimension: int) -> bool:
        """Whether vectors of this preset may be searched at this dimension."""
        return dimension == self.dimension or bool(self.shortest and self.shortest <= dimension < self.dimension)


class RerankPreset(models.Model):
    """A model that reads a question together with a passage and says how well the one answers the other."""

    class Engine(models.TextChoices):
        CROSS_ENCODER = "cross_encoder", _("in the embed worker")
        SERVER = "server", _("a model server")

    name = models.CharField(_("name"), max_length=120, unique=True)
    engine = models.CharField(_("engine"), max_length=15, choices=Engine.choices, default=Engine.CROSS_ENCODER)
    model = models.CharField(_("model"), max_length=300, help_text=_("a name, or the folder of one"))
    revision = models.CharField(_("revision"), max_length=80, blank=True)
    instruction = models.TextField(_("instruction"), blank=True, help_text=_("for models that take one"))
    max_tokens = models.PositiveIntegerField(
        _("reads"), default=512, help_text=_("tokens of question and passage together")
    )
    url = models.URLField(_("address"), blank=True, help_text=_("of the model server, up to /rerank"))
    api_key_variable = models.CharField(
        _("its key"), max_length=80, blank=True, validators=[_must_name_a_reranking_key],
        help_text=_(
            "the environment variable that has it: KB_RERANK_API_KEY, or that and _ and a name; the key goes to this "
            "address alone. Empty: none"
        ),
    )  # fmt: skip

    class Meta:
        verbose_name = _("reranking preset")
        verbose_name_plural = _("reranking presets")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
