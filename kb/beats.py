"""Services say that they are alive: a row each, renewed every few seconds."""

import os
import socket
import threading
from datetime import timedelta

from django.db import DatabaseError, connection
from django.utils import timezone

from kb.models import ServiceBeat

EVERY = 10.0  # seconds
SILENT_AFTER = timedelta(seconds=35)


def me(kind: str) -> str:
    """This process among all of all machines: kind@host:pid."""
    return f"{kind}@{socket.gethostname()}:{os.getpid()}"


def beat(kind: str, detail: dict | None = None) -> None:
    """Say once that this process is alive. A database that does not answer is passed over."""
    try:
        ServiceBeat.objects.update_or_create(name=me(kind), defaults={"kind": kind, "detail": detail or {}})
    except DatabaseError:
        connection.close()


def start_beating(kind: str) -> None:
    """Go on saying so in a thread of its own, until the process ends."""

    def run() -> None:
        while True:
            beat(kind)
            connection.close()
            pause.wait(EVERY)

    pause = threading.Event()
    threading.Thread(target=run, name=f"beat-{kind}", daemon=True).start()


def alive(kind: str) -> list[ServiceBeat]:
    """The processes of this kind that were heard of lately."""
    return list(ServiceBeat.objects.filter(kind=kind, seen_at__gt=timezone.now() - SILENT_AFTER))


def forget_the_silent() -> None:
    """Drop the rows of processes that have been gone for a day."""
    ServiceBeat.objects.filter(seen_at__lt=timezone.now() - timedelta(days=1)).delete()
