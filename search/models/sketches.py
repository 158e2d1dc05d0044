"""What is kept so that documents can be compared, and the work of comparing and sorting them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from kb.models import Document, KnowledgeBase
from search.models.presets import Preset


class DocumentSketch(models.Model):
    """A document's word sequences, small: enough to find its near-duplicates among thousands.

    `data` is a MinHash signature (search.organising.resemble.PERMUTATIONS little-endian uint32) of the `shingles`
    different sequences. It holds for the text that was ready at `made_for`; a document without such a row is still to
    compare.
    """

    document = models.OneToOneField(Document, models.CASCADE, related_name="sketch")
    data = models.BinaryField()
    shingles = models.PositiveIntegerField()
    made_for = models.DateTimeField()

    def __str__(self) -> str:
        return f"sketch of {self.document}"


class TaskVector(models.Model):
    """The beginning of a document as a model sees it that was told its task: sorting into topics, or finding tags.

    `digest` is the SHA-256 of instruction and text; `data` is little-endian float32, of length 1.
    """

    preset = models.ForeignKey(Preset, models.CASCADE, related_name="task_vectors")
    document = models.ForeignKey(Document, models.CASCADE, related_name="task_vectors")
    digest = models.CharField(max_length=64, db_index=True)
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(name="one_task_vector", fields=["preset", "document", "digest"])]

    def __str__(self) -> str:
        return f"{self.document} by {self.preset}"


class OrganisingJob(models.Model):
    """Work on a knowledge base as a whole. The row is the job: state, lease, attempts and error; one of each kind."""

    class Kind(models.TextChoices):
        VERSIONS = "versions", _("versions")
        TOPICS = "topics", _("topics")
        TAGS = "tags", _("tags")

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("in work")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    knowledge_base = models.ForeignKey(KnowledgeBase, models.CASCADE, related_name="organising_jobs")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    progress = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    documents = models.PositiveIntegerField(default=0, help_text=_("that the last finished run was about"))
    score = models.FloatField(null=True, help_text=_("of topics: the mean silhouette, -1 to 1"))
    attempt = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True)
    rung_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    begun_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_job_of_a_kind", fields=["knowledge_base", "kind"])]

    def __str__(self) -> str:
        return f"{self.kind} of {self.knowledge_base}"
