"""How a knowledge base is searched."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from kb.models import KnowledgeBase
from search.models.presets import Preset, RerankPreset

SHARE = (MinValueValidator(0.0), MaxValueValidator(1.0))


class SearchSettings(models.Model):
    """What a knowledge base's manager may set about its search. A knowledge base without a row has the defaults.

    The first group shapes the index: changing it builds a new generation. The second takes effect with the next
    question.
    """

    class Switch(models.TextChoices):
        AUTOMATIC = "automatic", _("by itself, when it is not worse on the saved questions")
        BY_HAND = "by_hand", _("by hand")

    class AnswerLimits(models.TextChoices):
        FITTED = "fitted", _("fitted to the saved questions, once they are measured")
        USUAL = "usual", _("the usual ones")
        BY_HAND = "by_hand", _("set by hand")

    knowledge_base = models.OneToOneField(
        KnowledgeBase, models.CASCADE, related_name="search_settings", verbose_name=_("knowledge base")
    )

    preset = models.ForeignKey(
        Preset,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("embedding model"),
        help_text=_("empty: the installation's"),
    )
    dimension = models.PositiveIntegerField(
        _("dimension"), null=True, blank=True, help_text=_("of the vectors that are searched; empty: the full one")
    )
    query_instruction = models.TextField(
        _("query instruction"), null=True, blank=True, help_text=_("put before a question; empty: the model's own")
    )
    switch = models.CharField(
        _("a new index is put to use"), max_length=10, choices=Switch.choices, default=Switch.AUTOMATIC
    )
    switch_without_refused = models.BooleanField(
        _("also without documents that its model refuses"),
        default=False,
        help_text=_("They are not found any more then. Otherwise a person decides."),
    )

    rescore = models.BooleanField(
        _("rescore with full vectors"),
        default=False,
        help_text=_("Find candidates by the short vectors, then order them by the full ones."),
    )
    candidates = models.PositiveIntegerField(
        _("candidates"), default=100, validators=[MinValueValidator(10), MaxValueValidator(1000)],
        help_text=_("passages that each way of searching may bring"),
    )  # fmt: skip
    rank_constant = models.PositiveIntegerField(
        _("rank constant"), default=5, validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_("the k of reciprocal rank fusion: the smaller, the more the first places count"),
    )  # fmt: skip
    vector_weight = models.FloatField(
        _("weight of meanings"), default=0.5, validators=SHARE, help_text=_("beside words, which weigh 1")
    )
    document_weight = models.FloatField(
        _("weight of whole documents"), default=0.0, validators=SHARE,
        help_text=_("how much a passage gains when its whole document is about the question"),
    )  # fmt: skip
    passages_a_document = models.PositiveSmallIntegerField(
        _("passages of one document"), default=3, validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("before others get their turn"),
    )  # fmt: skip
    fold = models.BooleanField(
        _("fold near-identical passages"), default=True, help_text=_("Of passages that say the same, show the best.")
    )
    rerank = models.ForeignKey(
        RerankPreset,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("reranking model"),
        help_text=_("empty: none"),
    )
    rerank_candidates = models.PositiveSmallIntegerField(
        _("reranked"), default=30, validators=[MinValueValidator(2), MaxValueValidator(200)],
        help_text=_("passages that the reranking model reads"),
    )  # fmt: skip
    superseded_last = models.BooleanField(
        _("newest versions first"), default=True, help_text=_("Passages of superseded versions come last.")
    )
    answer_limits = models.CharField(
        _("limits of answering"), max_length=10, choices=AnswerLimits.choices, default=AnswerLimits.FITTED,
        help_text=_("below which it is said that nothing answers a question"),
    )  # fmt: skip
    strictness = models.SmallIntegerField(
        _("strictness"), default=0, validators=[MinValueValidator(-100), MaxValueValidator(100)],
        help_text=_("where they are set by hand: from -100 (answers sooner) to 100 (refuses sooner); 0 is as usual"),
    )  # fmt: skip
    evaluate_every_days = models.PositiveSmallIntegerField(
        _("evaluate every"), default=0, help_text=_("days; 0: only when someone asks for it")
    )

    class Meta:
        verbose_name = _("search settings")
        verbose_name_plural = _("search settings")

    def __str__(self) -> str:
        return f"{self.knowledge_base}"
