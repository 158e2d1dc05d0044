"""Call the workers: a message says that there is work, and nothing is lost if nobody hears it."""

from django.utils import timezone

from kb.bell import EXPIRES as EXPIRES
from kb.bell import send as _send
from kb.models import Document


def ring(document: Document) -> None:
    """Call a worker for this document."""
    Document.objects.filter(pk=document.pk).update(rung_at=timezone.now())
    if document.stage == Document.Stage.EMBEDDING:
        ring_for_embedding()
    else:
        ring_for_parsing(document.pk)


def ring_for_parsing(document_id) -> bool:
    """Call a parse worker; False where the broker does not answer."""
    return _send("parse_document", str(document_id))


def ring_for_embedding() -> bool:
    """Call the embed worker; False where the broker does not answer."""
    return _send("embed_missing")
