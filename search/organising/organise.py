"""Do the work on a knowledge base as a whole: find versions, topics and tags."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from kb.workers import new_worker
from search.embedders import EmbeddingError
from search.models import OrganisingJob
from search.organising import jobs
from search.organising.near_duplicates import compare_new
from search.organising.tags import suggest_tags
from search.organising.topics import find_topics

log = logging.getLogger(__name__)
Kind, State = OrganisingJob.Kind, OrganisingJob.State
PROGRESS_EVERY = 1.0  # seconds


def run(job_id) -> None:
    """Do a job that waits; nothing where it does not."""
    worker = new_worker()
    job = jobs.claim(job_id, worker)
    if job is None:
        return
    try:
        with jobs.kept(worker):
            jobs.finish(job, state=State.DONE, done_at=timezone.now(), error="", **_do(job))
    except jobs.LeaseLost:
        log.info("%s was taken away while it was worked on.", job)
    except EmbeddingError as error:
        _embedding_failed(job, error)
    except Exception:
        _failed(job, _("Something unforeseen happened; the log of the worker says what."))
        raise


def _do(job: OrganisingJob) -> dict:
    base, progress = job.knowledge_base, _reporter(job)
    if job.kind == Kind.VERSIONS:
        return {"documents": compare_new(base, progress)}
    if job.kind == Kind.TAGS:
        return {"documents": suggest_tags(base, progress)}
    documents, score = find_topics(base, progress)
    return {"documents": documents, "score": score}


def _reporter(job: OrganisingJob) -> Callable[[int, int], None]:
    """Writes "n of m" to the row, at most once a second; notices when the job was taken away."""
    last = timezone.now()

    def report(done: int, total: int) -> None:
        nonlocal last
        now = timezone.now()
        if (now - last).total_seconds() >= PROGRESS_EVERY:
            last = now
            jobs.write(job, progress=done, progress_total=total)

    return report


def _embedding_failed(job: OrganisingJob, error: EmbeddingError) -> None:
    """What will never work has FAILED; a model that is away is waited for, with the sentence shown."""
    if error.permanent:
        _failed(job, error.message, for_good=True)
    else:
        jobs.finish(job, state=State.QUEUED, attempt=0, rung_at=timezone.now(), error=error.message)


def _failed(job: OrganisingJob, message: str, *, for_good: bool = False) -> None:
    again = not for_good and job.attempt < settings.KB_MAX_ATTEMPTS
    try:
        jobs.finish(job, state=State.QUEUED if again else State.FAILED, error=message)
    except jobs.LeaseLost:
        log.info("%s was taken away, too.", job)
