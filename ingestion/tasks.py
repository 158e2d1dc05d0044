"""Doorbells: a message names a row or nothing at all, and calls one function."""

import logging

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)
EXPIRES = 30  # seconds: an unheard message is not kept, the reconciler rings again


@shared_task(ignore_result=True)
def parse_document(document_id: str) -> None:
    """Take a queued document from its file to its chunks."""
    from ingestion import pipeline

    pipeline.parse_document(document_id)


@shared_task(ignore_result=True, time_limit=None)
def embed_missing() -> None:
    """Embed whatever is missing, until nothing is."""
    from ingestion import embed

    embed.embed_missing(embed.stopping)


def ring(task, *args) -> bool:
    """Send the message; without a broker nothing is lost, as the reconciler rings again."""
    try:
        task.apply_async(args, expires=EXPIRES, retry=False)
        return True
    except (OperationalError, OSError) as error:
        log.warning("The message broker does not answer (%s); work goes on as soon as it does.", error)
        return False


@worker_ready.connect
def _begin(sender, **kwargs) -> None:
    """Say that this worker lives; the embed worker also loads its model and opens the query lane."""
    from kb.beats import start_beating

    queues = {queue.name for queue in sender.task_consumer.queues}
    start_beating("embed" if "embed" in queues else "parse")
    if "embed" in queues:
        from search.lane import start_lane

        start_lane()
        embed_missing.apply_async(expires=EXPIRES)


@worker_shutting_down.connect
def _end(**kwargs) -> None:
    from ingestion import embed

    embed.stop()
