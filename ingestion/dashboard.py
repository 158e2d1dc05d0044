"""What an administrator sees first: how the documents, the queue and the services are."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet, Sum
from django.db.models.functions import TruncHour
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ingestion.watch import services
from kb.models import ApiKey, Document, KnowledgeBase, User
from search.models import Conversation, Index, IndexedDocument, Message, Vector

HOURS = 24
REASONS = 6


@dataclass(frozen=True)
class Hour:
    """What became findable in one hour. `documents_height` and `chunks_height` are 0 to 100 of the busiest hour's."""

    start: datetime
    documents: int
    chunks: int
    documents_height: int
    chunks_height: int


@dataclass(frozen=True)
class Queue:
    to_parse: int
    to_embed: int
    running: int
    oldest: datetime | None


@dataclass(frozen=True)
class Disk:
    """Bytes."""

    originals: int
    database: int
    free: int
    total: int

    @property
    def used_percent(self) -> int:
        return round(100 * (self.total - self.free) / self.total)


def show(request: HttpRequest, context: dict) -> dict:
    """The context of the panel's first page (UNFOLD["DASHBOARD_CALLBACK"])."""
    hours = throughput()
    return context | {
        "title": _("Dashboard"),
        "statuses": by_status(),
        "queue": queue(),
        "hours": hours,
        "documents_today": sum(hour.documents for hour in hours),
        "chunks_today": sum(hour.chunks for hour in hours),
        "services": services(),
        "disk": disk(),
        "reasons": failure_reasons(),
        "rebuilding": Index.objects.filter(store_ready=False, knowledge_base__deleted_at=None)
        .exclude(state=Index.State.RETIRED)
        .select_related("knowledge_base", "preset"),
        "totals": totals(),
    }


def living() -> QuerySet[Document]:
    """The documents that are not deleted."""
    return Document.objects.filter(deleted_at=None, knowledge_base__deleted_at=None).order_by()


def by_status() -> list[dict]:
    """Each status with its number of documents and the list of them."""
    numbers = dict(living().values_list("status").annotate(n=Count("pk")))
    address = reverse("admin:kb_document_changelist")
    return [
        {"status": value, "label": label, "n": numbers.get(value, 0), "link": f"{address}?status__exact={value}"}
        for value, label in Document.Status.choices
    ]


def queue() -> Queue:
    waiting, embedding = Q(status=Document.Status.QUEUED), Q(stage=Document.Stage.EMBEDDING)
    found = living().aggregate(
        to_parse=Count("pk", filter=waiting & ~embedding),
        to_embed=Count("pk", filter=waiting & embedding),
        running=Count("pk", filter=Q(status=Document.Status.RUNNING)),
        oldest=Min("created_at", filter=waiting),
    )
    return Queue(**found)


def throughput() -> list[Hour]:
    """The last 24 hours, the oldest first, empty ones included."""
    last = timezone.localtime().replace(minute=0, second=0, microsecond=0)
    starts = [last - timedelta(hours=n) for n in reversed(range(HOURS))]
    documents = _by_hour(living().filter(ready_at__gte=starts[0]), "ready_at", Count("pk"))
    chunks = _by_hour(IndexedDocument.objects.filter(indexed_at__gte=starts[0]), "indexed_at", Sum("chunks"))
    most_documents = max(documents.values(), default=0) or 1
    most_chunks = max(chunks.values(), default=0) or 1
    return [
        Hour(
            start=start,
            documents=(d := documents.get(start, 0)),
            chunks=(c := chunks.get(start, 0)),
            documents_height=round(100 * d / most_documents),
            chunks_height=round(100 * c / most_chunks),
        )
        for start in starts
    ]


def _by_hour(rows: QuerySet, field: str, number) -> dict[datetime, int]:
    return dict(rows.order_by().annotate(hour=TruncHour(field)).values_list("hour").annotate(n=number))


def disk() -> Disk:
    usage = shutil.disk_usage(settings.KB_DATA)
    originals = Document.objects.order_by().values("sha256", "size").distinct().aggregate(n=Sum("size"))["n"]
    return Disk(originals=originals or 0, database=_database_bytes(), free=usage.free, total=usage.total)


def _database_bytes() -> int:
    """Of a SQLite file; 0 where the database is a server's, which knows better itself."""
    file = settings.KB_DATA / "lectern.sqlite3"
    return file.stat().st_size if file.exists() else 0


def failure_reasons() -> list[dict]:
    """The most frequent sentences for which documents failed."""
    failed = living().filter(status=Document.Status.FAILED)
    reasons = failed.values("error").annotate(n=Count("pk")).order_by("-n", "error")
    return [dict(reason) for reason in reasons[:REASONS]]


def totals() -> list[dict]:
    """Things counted. Conversations are private: their number is all that is shown of them."""
    since = timezone.now() - timedelta(hours=HOURS)
    return [
        {"label": _("knowledge bases"), "n": KnowledgeBase.objects.filter(deleted_at=None).count()},
        {"label": _("people"), "n": User.objects.filter(is_active=True).count()},
        {"label": _("vectors"), "n": Vector.objects.count()},
        {"label": _("conversations"), "n": Conversation.objects.count()},
        {"label": _("questions in 24 hours"), "n": Message.objects.filter(created_at__gte=since).count()},
        {"label": _("API keys in use"), "n": ApiKey.objects.filter(revoked_at=None).count()},
    ]
