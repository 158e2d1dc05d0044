"""Tell machines whether Lectern lives and whether it can serve."""

import shutil
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from kb.beats import alive
from kb.broker import ping
from kb.data import chroma_url, milvus_url
from kb.models import Document, ServiceBeat
from kb.services import answers, uses_milvus

FREE_BYTES = 500_000_000
KEEP_SECONDS = 3.0  # an answer is used again for so long, so that asking often costs nothing
_last: dict[str, Any] = {"asked": 0.0}


@require_safe
@never_cache
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when everything needed is there, else 503; only administrators read what isn't."""
    problems = current_problems()
    answer: dict[str, Any] = {"ok": not problems}
    if request.user.is_superuser:
        answer |= {"problems": problems, "oldest_queued_seconds": oldest_queued_seconds()}
    return JsonResponse(answer, status=503 if problems else 200)


def current_problems() -> dict[str, str]:
    """What is wrong now: name of the check -> sentence."""
    if time.monotonic() - _last["asked"] > KEEP_SECONDS:
        answers = {name: check() for name, check in CHECKS.items()}
        _last.update(asked=time.monotonic(), problems={name: text for name, text in answers.items() if text})
    return _last["problems"]


def oldest_queued_seconds() -> int:
    """How long the first in the queue has waited. A long queue is told, but is no fault."""
    first = Document.objects.filter(status=Document.Status.QUEUED, deleted_at=None).order_by("created_at").first()
    return round((timezone.now() - first.created_at).total_seconds()) if first else 0


# Each returns '' when all is well, else a sentence.


def database() -> str:
    """Writes, as a full disk or a read-only database still reads."""
    try:
        ServiceBeat.objects.update_or_create(name="readyz", defaults={"kind": "health"})
    except DatabaseError as error:
        return f"The database cannot be written: {error}"
    return ""


def broker() -> str:
    try:
        ping(seconds=2)
    except OSError as error:
        return f"Redis does not answer: {error}"
    return ""


def chroma() -> str:
    if settings.KB_VECTOR_STORE != "chroma":
        return ""
    try:
        url = chroma_url(settings.KB_DATA, settings.KB_CHROMA_URL)
        httpx.get(f"{url}/api/v2/heartbeat", timeout=2).raise_for_status()
    except httpx.HTTPError as error:
        return f"Chroma does not answer, so search compares all vectors instead: {error}"
    return ""


def milvus() -> str:
    if not uses_milvus():
        return ""
    url = urlsplit(milvus_url(settings.KB_DATA, settings.KB_MILVUS_URI))
    if answers((url.hostname or "127.0.0.1", url.port or 19530)):
        return ""
    return "Milvus does not answer."


def disk() -> str:
    free = shutil.disk_usage(settings.KB_DATA).free
    return "" if free > FREE_BYTES else f"Only {free // 1_000_000} MB are free in the data folder."


def reconciler() -> str:
    return "" if alive("reconciler") else "The reconciler has not been heard of for a while."


CHECKS = {
    "database": database,
    "redis": broker,
    "chroma": chroma,
    "milvus": milvus,
    "disk": disk,
    "reconciler": reconciler,
}
