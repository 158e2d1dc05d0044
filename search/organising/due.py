"""Which knowledge bases have something to compare, to sort into topics or to tag. Queries, and nothing slow."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from kb.models import Document, KnowledgeBase
from search.models import DocumentSketch, OrganisingJob, Tag, TopicDocument
from search.organising import jobs

Kind, State, Status = OrganisingJob.Kind, OrganisingJob.State, Document.Status
ENOUGH = 8  # documents, to be sorted into topics
CHANGED = 0.1  # of the documents, and ...
CHANGED_AT_LEAST = 5  # ... documents came or went before topics are looked for again
READY = Q(status=Status.READY, deleted_at=None, characters__gt=0, knowledge_base__deleted_at=None)


@dataclass(frozen=True)
class Shelf:
    """A knowledge base at rest: how many documents can be read, and since when the newest."""

    pk: UUID
    documents: int
    newest: datetime | None


def sweep() -> None:
    """Free what was left lying, queue what is due, call for what waits: one step of the reconciler."""
    jobs.free_lost()
    last = {(job.knowledge_base_id, job.kind): job for job in OrganisingJob.objects.all()}
    shelves = _at_rest()
    _want(Kind.VERSIONS, _uncompared(last))
    _want(Kind.TOPICS, _to_sort(shelves, last))
    _want(Kind.TAGS, _to_tag(shelves, last))
    jobs.ring_waiting()


def unsketched(documents: QuerySet[Document]) -> QuerySet[Document]:
    """Those of the documents that can be read, but were not compared since."""
    sketch = DocumentSketch.objects.filter(document=OuterRef("pk"), made_for=OuterRef("made_for"))
    return documents.filter(READY).annotate(made_for=Coalesce("ready_at", "created_at")).filter(~Exists(sketch))


def _want(kind: str, bases: Iterable[UUID]) -> None:
    for base in KnowledgeBase.objects.filter(pk__in=list(bases), deleted_at=None):
        jobs.want(base, kind)


def _uncompared(last: dict) -> set[UUID]:
    newest = unsketched(Document.objects.all()).order_by().values("knowledge_base").annotate(at=Max("made_for"))
    return {pk for pk, at in newest.values_list("knowledge_base", "at") if _may_run(last.get((pk, Kind.VERSIONS)), at)}


def _may_run(job: OrganisingJob | None, newest: datetime | None) -> bool:
    """What failed is not tried again by itself before something is new; a person may ask for it at any time."""
    if job is None or job.state == State.DONE:
        return True
    return job.state == State.FAILED and bool(newest and job.begun_at and newest > job.begun_at)


def _at_rest() -> list[Shelf]:
    """Those in which nothing is parsed or embedded just now: while much is uploaded, sorting it waits."""
    unfinished = Document.objects.filter(status__in=(Status.QUEUED, Status.RUNNING), deleted_at=None)
    ready = Document.objects.filter(READY).exclude(knowledge_base__in=unfinished.values("knowledge_base"))
    rows = ready.order_by().values("knowledge_base").annotate(n=Count("pk"), at=Max("ready_at"))
    return [Shelf(*row) for row in rows.values_list("knowledge_base", "n", "at")]


def _to_sort(shelves: Iterable[Shelf], last: dict) -> set[UUID]:
    """The first time as soon as there are enough documents, then when a tenth of them came or went."""
    living = TopicDocument.objects.filter(document__deleted_at=None).order_by()
    placed = dict(living.values_list("topic__knowledge_base").annotate(Count("pk")))
    due = set()
    for shelf in shelves:
        job = last.get((shelf.pk, Kind.TOPICS))
        if shelf.documents >= ENOUGH and _may_run(job, shelf.newest):
            changed = _came(shelf, job) + max(0, (job.documents if job else 0) - placed.get(shelf.pk, 0))
            if job is None or job.documents < ENOUGH <= job.documents + changed or changed >= _enough_change(job):
                due.add(shelf.pk)
    return due


def _enough_change(job: OrganisingJob) -> float:
    return max(CHANGED_AT_LEAST, CHANGED * job.documents)


def _came(shelf: Shelf, job: OrganisingJob | None) -> int:
    """How many documents became readable since the job's last run began."""
    if job is None or job.begun_at is None:
        return shelf.documents
    if shelf.newest is None or shelf.newest <= job.begun_at:
        return 0
    return Document.objects.filter(READY, knowledge_base=shelf.pk, ready_at__gt=job.begun_at).count()


def _to_tag(shelves: Iterable[Shelf], last: dict) -> set[UUID]:
    tagged = set(Tag.objects.order_by().values_list("knowledge_base", flat=True).distinct())
    asked = ((shelf, last.get((shelf.pk, Kind.TAGS))) for shelf in shelves if shelf.pk in tagged)
    return {shelf.pk for shelf, job in asked if _may_run(job, shelf.newest) and _came(shelf, job)}
