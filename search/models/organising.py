"""What belongs together in a knowledge base: versions, topics, tags."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from kb.models import Document, KnowledgeBase


class Resemblance(models.Model):
    """Two documents of a knowledge base that nearly say the same: the later one and the earlier one."""

    class State(models.TextChoices):
        SUGGESTED = "suggested", _("suggested")
        VERSION = "version", _("a new version")
        DISMISSED = "dismissed", _("not a version")

    later = models.ForeignKey(Document, models.CASCADE, related_name="resembles")
    earlier = models.ForeignKey(Document, models.CASCADE, related_name="resembled_by")
    shared = models.FloatField(help_text=_("how much of both together they share, by word sequences, 0 to 1"))
    contained = models.FloatField(
        default=0.0, help_text=_("share of the shorter one's word sequences that the longer has, too, 0 to 1")
    )
    similarity = models.FloatField(null=True, help_text=_("cosine of the whole documents"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.SUGGESTED)
    decided_by_person = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    number: int  # which version the later one is, or would be: where search.organising.organised has counted

    class Meta:
        constraints = [models.UniqueConstraint(name="a_pair_of_documents_once", fields=["later", "earlier"])]

    def __str__(self) -> str:
        return f"{self.later} ~ {self.earlier}"


class Topic(models.Model):
    """Documents of a knowledge base that are about the same, found by clustering their vectors."""

    knowledge_base = models.ForeignKey(KnowledgeBase, models.CASCADE, related_name="topics")
    ordinal = models.PositiveIntegerField()
    name = models.CharField(_("name"), max_length=200, help_text=_("its most telling words"))
    words = models.JSONField(default=list)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("ordinal",)
        constraints = [models.UniqueConstraint(name="a_topics_place_once", fields=["knowledge_base", "ordinal"])]

    def __str__(self) -> str:
        return self.name


class TopicDocument(models.Model):
    """A document in its topic. `similarity` is the cosine to the topic's middle."""

    topic = models.ForeignKey(Topic, models.CASCADE, related_name="members")
    document = models.OneToOneField(Document, models.CASCADE, related_name="in_topic")
    similarity = models.FloatField()

    def __str__(self) -> str:
        return f"{self.document} in {self.topic}"


class Tag(models.Model):
    """A label that a knowledge base's documents may have."""

    knowledge_base = models.ForeignKey(KnowledgeBase, models.CASCADE, related_name="tags")
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(
        _("description"), max_length=300, blank=True, help_text=_("what such documents are about")
    )

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ("name",)
        constraints = [models.UniqueConstraint(name="a_tag_once", fields=["knowledge_base", "name"])]

    def __str__(self) -> str:
        return self.name


class DocumentTag(models.Model):
    """A tag on a document: put there by a person, or suggested by what the document is about."""

    class State(models.TextChoices):
        SUGGESTED = "suggested", _("suggested")
        ACCEPTED = "accepted", _("accepted")
        REFUSED = "refused", _("refused")

    tag = models.ForeignKey(Tag, models.CASCADE, related_name="on")
    document = models.ForeignKey(Document, models.CASCADE, related_name="tagged")
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.SUGGESTED)
    similarity = models.FloatField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="a_tag_once_on_a_document", fields=["tag", "document"])]

    def __str__(self) -> str:
        return f"{self.tag} on {self.document}"
