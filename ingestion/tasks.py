"""Doorbells: a message names a row or nothing at all, and calls one function."""

from celery import shared_task
from celery.signals import worker_process_shutdown, worker_ready, worker_shutting_down

from ingestion.doorbell import ring_for_embedding

LONG = 30 * 24 * 3600  # seconds: None would be the limit of parsing, and a worker's lease says whether it lives


@shared_task(ignore_result=True)
def parse_document(document_id: str) -> None:
    """Take a queued document from its file to its chunks."""
    from ingestion import pipeline

    pipeline.parse_document(document_id)


@shared_task(ignore_result=True, time_limit=LONG)
def embed_missing() -> None:
    """Embed whatever is missing, until nothing is."""
    from ingestion import embed

    embed.embed_missing(embed.stopping)


@shared_task(ignore_result=True, time_limit=LONG)
def run_evaluation(run_id: str) -> None:
    """Ask saved questions for a while, and measure what is found."""
    from search.evaluation import evaluate

    evaluate.run(run_id)


@shared_task(ignore_result=True, time_limit=LONG)
def organise(job_id: str) -> None:
    """Find versions, topics or tags in a knowledge base."""
    from search.organising import organise

    organise.run(job_id)


@shared_task(ignore_result=True, time_limit=LONG)
def check_index(check_id: str) -> None:
    """Hold the indexes against the database and the files."""
    from search.checking import jobs as check_jobs

    check_jobs.run(check_id)


@worker_ready.connect
def _begin(sender, **kwargs) -> None:
    """Say that this worker lives; the embed worker also loads its model and opens the query lane."""
    from kb.beats import start_beating

    queues = {queue.name for queue in sender.task_consumer.queues}
    start_beating("embed" if "embed" in queues else "parse")
    if "embed" in queues:
        from search import lane_server

        lane_server.start()
        ring_for_embedding()


@worker_process_shutdown.connect
def _write_down_calls(**kwargs) -> None:
    """A child of the pool ends without Python's own ending."""
    from kb.calls import waiting

    waiting.flush()


@worker_shutting_down.connect
def _end(**kwargs) -> None:
    from ingestion import embed

    embed.stop()
