"""What was asked of models: one row a call, never the text unless someone switched that on."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kb.models.knowledge_bases import KnowledgeBase
from kb.models.people import ApiKey


class Call(models.Model):
    """A call of an embedding, reranking or chat model, whoever made it.

    `milliseconds` is the whole call, `first_milliseconds` the time to a chat's first token. `cost` is in the currency
    that prices are set in, None where none are. `text` is empty unless KB_LOG_CALL_TEXT is on.
    """

    class Kind(models.TextChoices):
        EMBED_DOCUMENTS = "embed_documents", _("embed documents")
        EMBED_QUERY = "embed_query", _("embed questions")
        RERANK = "rerank", _("rerank")
        CHAT = "chat", _("chat")

    class Caller(models.TextChoices):
        INGESTION = "ingestion", _("ingestion")
        SEARCH = "search", pgettext_lazy("caller", "pages")
        API = "api", _("API")
        MCP = "mcp", _("MCP")
        EVALUATION = "evaluation", _("evaluation")

    class Status(models.TextChoices):
        OK = "ok", _("answered")
        ERROR = "error", _("failed")
        STOPPED = "stopped", _("stopped")

    at = models.DateTimeField(_("time"), db_index=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    caller = models.CharField(_("caller"), max_length=12, choices=Caller.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("person")
    )
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="calls", verbose_name=_("API key"))
    knowledge_base = models.ForeignKey(
        KnowledgeBase, models.SET_NULL, null=True, related_name="+", verbose_name=_("knowledge base")
    )
    model = models.CharField(_("model"), max_length=200)
    inputs = models.PositiveIntegerField(_("inputs"), default=1)
    tokens_in = models.PositiveIntegerField(_("tokens read"), default=0)
    tokens_out = models.PositiveIntegerField(_("tokens written"), default=0)
    milliseconds = models.PositiveIntegerField(_("took"), default=0)
    first_milliseconds = models.PositiveIntegerField(_("first token"), null=True)
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.OK)
    error = models.CharField(_("error"), max_length=300, blank=True)
    cost = models.DecimalField(_("cost"), max_digits=14, decimal_places=8, null=True)
    text = models.TextField(_("text"), blank=True)

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ("-at", "-pk")
        indexes = [models.Index(fields=["kind", "at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.model} {self.at:%Y-%m-%d %H:%M:%S}"
