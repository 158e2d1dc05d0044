"""What the documents page lists: filtered, sorted, counted."""

from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from kb.models import Document, KnowledgeBase
from search.organising.organised import with_marks, with_tag

PER_PAGE = 50

STATUSES = {
    "": (),
    "unfinished": (Document.Status.QUEUED, Document.Status.RUNNING),
    "ready": (Document.Status.READY,),
    "failed": (Document.Status.FAILED,),
    "cancelled": (Document.Status.CANCELLED,),
}
LABELS = {
    "": _("All"),
    "unfinished": _("In work"),
    "ready": _("Ready"),
    "failed": _("Failed"),
    "cancelled": _("Cancelled"),
}
ORDERS = {
    "newest": ("-created_at", "title", "pk"),
    "oldest": ("created_at", "title", "pk"),
    "title": ("title", "pk"),
    "largest": ("-size", "title", "pk"),
    "status": ("status", "-created_at", "pk"),
}
ORDER_LABELS = {
    "newest": _("Newest first"),
    "oldest": _("Oldest first"),
    "title": _("By title"),
    "largest": _("Largest first"),
    "status": _("By status"),
}


@dataclass(frozen=True)
class Choice:
    """One way of filtering: its name in the address, its label, and how many documents it shows."""

    name: str
    label: str
    count: int
    is_chosen: bool


@dataclass(frozen=True)
class Listing:
    """A page of documents with what stands around it. `unfinished` counts all of the knowledge base's."""

    page: Page
    choices: list[Choice]
    total: int
    unfinished: int


def list_documents(
    knowledge_base: KnowledgeBase,
    *,
    words: str,
    status: str,
    order: str,
    page: str | int,
    topic: int | None = None,
    tag: int | None = None,
) -> Listing:
    """The documents that fit, a page of them: a few queries, however many there are."""
    living = _of(Document.objects.filter(knowledge_base=knowledge_base, deleted_at=None), topic, tag)
    counts = _counts(living)
    fitting = _fitting(living, words, status).order_by(*ORDERS[order]).select_related("uploaded_by", "parent")
    fitting = with_marks(fitting)
    return Listing(
        page=Paginator(fitting, PER_PAGE).get_page(page),
        choices=[Choice(name, str(LABELS[name]), counts[name], name == status) for name in STATUSES],
        total=counts[""],
        unfinished=counts["unfinished"],
    )


def _of(documents: QuerySet[Document], topic: int | None, tag: int | None) -> QuerySet[Document]:
    """Those of a topic, and those with a tag, where one is chosen."""
    if topic:
        documents = documents.filter(in_topic__topic=topic)
    if tag:
        documents = with_tag(documents, tag)
    return documents


def _fitting(documents: QuerySet[Document], words: str, status: str) -> QuerySet[Document]:
    if STATUSES[status]:
        documents = documents.filter(status__in=STATUSES[status])
    for word in words.split()[:8]:
        documents = documents.filter(Q(title__icontains=word) | Q(name__icontains=word) | Q(folder__icontains=word))
    return documents


def _counts(documents: QuerySet[Document]) -> dict[str, int]:
    each = dict(documents.order_by().values_list("status").annotate(Count("pk")))
    return {name: sum(n for s, n in each.items() if not wanted or s in wanted) for name, wanted in STATUSES.items()}
