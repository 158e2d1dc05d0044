"""Run the process that writes answers with language models."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from kb.beats import start_beating
from search.answer_lane import socket_path


class Command(BaseCommand):
    help = "Writes answers with language models, on a socket in the data folder or at KB_ANSWER_LISTEN."

    def handle(self, **options) -> None:
        from search.answering.serve import serve

        start_beating("answer")
        host, _, port = settings.KB_ANSWER_LISTEN.rpartition(":")
        where: dict[str, Any] = {"host": host or "127.0.0.1", "port": int(port)} if port else {}
        serve(**(where or {"uds": str(_fresh(socket_path()))}))


def _fresh(path: Path) -> Path:
    """A socket that a dead process left is in the way."""
    path.unlink(missing_ok=True)
    return path
