"""Call the workers: a message says that there is work, and nothing is lost if nobody hears it."""

import logging

from django.utils import timezone
from kombu.exceptions import OperationalError

from kb.celery import app
from kb.models import Document

log = logging.getLogger(__name__)
EXPIRES = 30  # seconds: an unheard message is not kept, the reconciler rings again


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


def _send(task: str, *arguments: str) -> bool:
    try:
        with app.connection_for_write(connect_timeout=1, transport_options=_quick()) as connection:
            app.send_task(f"ingestion.tasks.{task}", arguments, expires=EXPIRES, retry=False, connection=connection)
        return True
    except (OperationalError, OSError) as error:
        log.warning("The message broker does not answer (%s); work goes on as soon as it does.", error)
        return False


def _quick() -> dict:
    """An upload must not wait for a broker that is away: one more try at once, where Kombu tries for six seconds."""
    return {
        **app.conf.broker_transport_options,
        "max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1,
        "socket_connect_timeout": 1, "socket_timeout": 2,
    }  # fmt: skip
