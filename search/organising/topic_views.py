"""The page of a knowledge base's topics."""

from collections import defaultdict
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Window
from django.db.models.functions import RowNumber
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from kb.access import get_readable, get_writable, manageable_by, writable_by
from kb.models import KnowledgeBase
from kb.request import Request
from search.models import OrganisingJob, Topic, TopicDocument
from search.organising.due import ENOUGH
from search.organising.jobs import want

SHOWN = 5  # documents of a topic
State = OrganisingJob.State


@dataclass(frozen=True)
class Shown:
    """A topic as the page shows it: its documents' count, those nearest to its middle, percent of the largest topic."""

    topic: Topic
    count: int
    nearest: list[TopicDocument]
    share: int


@login_required
@require_GET
def topics(request: Request, pk) -> HttpResponse:
    """The topics, each with its words and nearest documents; htmx asks for the list while it is being made."""
    base = get_readable(request.user, pk)
    context = {
        "knowledge_base": base,
        "tab": "topics",
        "manages": manageable_by(request.user).filter(pk=base.pk).exists(),
        "may_write": writable_by(request.user).filter(pk=base.pk).exists(),
        "job": job_of(base, OrganisingJob.Kind.TOPICS),
        "topics": _topics(base),
        "enough": ENOUGH,
    }
    fragment = request.htmx and not request.htmx.boosted
    return render(request, "search/_topics.html" if fragment else "search/topics.html", context)


@login_required
@require_POST
def topics_find(request: Request, pk) -> HttpResponse:
    """Have the topics found anew."""
    base = get_writable(request.user, pk)
    want(base, OrganisingJob.Kind.TOPICS)
    return redirect("topics", pk=base.pk)


def job_of(base: KnowledgeBase, kind: str) -> OrganisingJob | None:
    """How the work of this kind stands."""
    return OrganisingJob.objects.filter(knowledge_base=base, kind=kind).first()


def _topics(base: KnowledgeBase) -> list[Shown]:
    """Three queries, however many topics and documents there are."""
    living = TopicDocument.objects.filter(topic__knowledge_base=base, document__deleted_at=None)
    counts = dict(living.order_by().values_list("topic").annotate(Count("pk")))
    place = Window(RowNumber(), partition_by="topic", order_by=("-similarity", "document__title"))
    nearest: dict[int, list[TopicDocument]] = defaultdict(list)
    for member in living.annotate(place=place).filter(place__lte=SHOWN).select_related("document").order_by("place"):
        nearest[member.topic_id].append(member)
    topics = [topic for topic in Topic.objects.filter(knowledge_base=base) if topic.pk in counts]
    most = max(counts.values(), default=1)
    return [Shown(topic, counts[topic.pk], nearest[topic.pk], round(100 * counts[topic.pk] / most)) for topic in topics]
