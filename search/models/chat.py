"""Language models that write answers."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

FROM_ENVIRONMENT = "KB_CHAT_URL"  # the name of the row that the environment makes


class ChatModel(models.Model):
    """A model behind an OpenAI-compatible `/v1/chat/completions`: vLLM, Ollama, llama.cpp, LM Studio, a hosted one.

    Its key is sealed with the installation's secret key and is shown to nobody again. Prices are of a million tokens.
    """

    name = models.CharField(_("name"), max_length=120, unique=True)
    url = models.URLField(_("address"), help_text=_("up to /v1, as in http://127.0.0.1:11434/v1"))
    model = models.CharField(_("model"), max_length=200, help_text=_("as the server calls it"))
    sealed_key = models.TextField(editable=False, blank=True)
    context_tokens = models.PositiveIntegerField(
        _("reads"), default=8192, validators=[MinValueValidator(512)],
        help_text=_("tokens of question, passages and answer"),
    )  # fmt: skip
    answer_tokens = models.PositiveIntegerField(
        _("writes"), default=1024, validators=[MinValueValidator(16)], help_text=_("tokens of an answer at the most")
    )
    temperature = models.FloatField(
        _("temperature"), default=0.2, validators=[MinValueValidator(0.0), MaxValueValidator(2.0)]
    )
    instructions = models.TextField(
        _("instructions"), blank=True, help_text=_("of your own, after the built-in ones: tone, form, language")
    )
    enabled = models.BooleanField(_("offered"), default=True)
    is_default = models.BooleanField(_("default"), default=False)
    price_in = models.DecimalField(
        _("price of tokens read"), max_digits=10, decimal_places=4, null=True, blank=True, help_text=_("a million")
    )
    price_out = models.DecimalField(
        _("price of tokens written"), max_digits=10, decimal_places=4, null=True, blank=True, help_text=_("a million")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("language model")
        verbose_name_plural = _("language models")
        ordering = ("-is_default", "name")
        constraints = [
            models.UniqueConstraint(
                name="one_default_chat_model", fields=["is_default"], condition=models.Q(is_default=True)
            )
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def is_from_environment(self) -> bool:
        return self.name == FROM_ENVIRONMENT

    @property
    def label(self) -> str:
        """How people know it: the environment's by what its server calls it."""
        return self.model if self.is_from_environment else self.name

    @property
    def api_key(self) -> str:
        """The key; empty where there is none, or where the installation's secret key is another by now."""
        try:
            return _sealer().decrypt(self.sealed_key.encode()).decode() if self.sealed_key else ""
        except InvalidToken:
            return ""

    @api_key.setter
    def api_key(self, key: str) -> None:
        self.sealed_key = _sealer().encrypt(key.encode()).decode() if key else ""


def _sealer() -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"lectern chat model keys").derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
