"""What a check of the indexes found."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kb.models import KnowledgeBase


class IndexCheck(models.Model):
    """One check of the derived indexes against the database and the files. The row is also its job.

    `findings` holds a dict an index and kind of fault: {"index", "knowledge_base", "where", "kind", "count",
    "repaired", "examples"}; `repaired` how many of them were put right.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.QUEUED)
    repair = models.BooleanField(_("repairs"), default=False)
    findings = models.JSONField(default=list)
    found = models.PositiveIntegerField(_("faults"), default=0)
    repaired = models.PositiveIntegerField(_("repaired"), default=0)
    checked = models.JSONField(default=dict, help_text=_("how much was looked at"))
    error = models.TextField(_("error"), blank=True)
    asked_by = models.CharField(_("asked for by"), max_length=150, blank=True)
    knowledge_base = models.ForeignKey(
        KnowledgeBase, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("knowledge base"),
        help_text=_("empty: all"),
    )  # fmt: skip
    sample = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("how many passages an index are looked up; empty: all")
    )
    progress = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    rung_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(_("asked for"), auto_now_add=True)
    finished_at = models.DateTimeField(_("done"), null=True, blank=True)

    class Meta:
        verbose_name = _("index check")
        verbose_name_plural = _("index checks")
        ordering = ("-created_at",)
        constraints = [
            models.UniqueConstraint(name="one_check_at_a_time", fields=["state"], condition=Q(state="running"))
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}"

    @property
    def left(self) -> int:
        """Faults that are there still."""
        return self.found - self.repaired
