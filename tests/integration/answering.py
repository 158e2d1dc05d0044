"""`manage.py answer`, with a database and a data folder that the test shares with it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import dj_database_url
import psutil
from django.conf import settings
from django.db import connections

from kb.services import UnixConnection
from search import answer_lane
from tests.integration.database import own_database
from tests.integration.lectern import ROOT, until

START, END = 120, 30  # seconds, on a busy machine


class AnswerService:
    """`manage.py answer` as a child process."""

    def __init__(self, data: Path, environment: dict[str, str]) -> None:
        self.data, self.environment = data, environment
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        with (self.data / "answer.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "answer"], cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
            )  # fmt: skip
        until(self.is_up, START, f"manage.py answer; it said {self.said()[-2000:]}")

    def is_up(self) -> bool:
        assert self.process and self.process.poll() is None, self.said()
        return self.health() is not None

    def health(self) -> dict | None:
        """What it says of itself; None where it does not answer."""
        client = UnixConnection(self.data / "run" / "answer.sock")
        try:
            client.request("GET", "/health")
            return json.loads(client.getresponse().read())
        except (OSError, HTTPException):
            return None
        finally:
            client.close()

    def end(self, with_signal: int = signal.SIGTERM) -> None:
        assert self.process
        self.process.send_signal(with_signal)
        self.process.wait(END)
        forget_connections()

    def files(self) -> int:
        """How many file descriptors it has open."""
        assert self.process
        return psutil.Process(self.process.pid).num_fds()

    def said(self) -> str:
        log = self.data / "answer.log"
        return log.read_text(errors="replace") if log.exists() else ""


def forget_connections() -> None:
    """Close what the web side keeps open."""
    answer_lane._client(os.getpid(), answer_lane._where()).close()
    answer_lane._client.cache_clear()


@contextmanager
def data_folder(**environment: str) -> Iterator[AnswerService]:
    """A data folder with its database, in which this process and the service work; the service is not started."""
    data = Path(tempfile.mkdtemp(prefix="answer-"))  # short enough for a socket's name
    (data / "run").mkdir()
    with own_database() as database:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("KB_", "DJANGO_"))}
        of_service = {
            **inherited, "KB_DATA": str(data), "KB_SECRET_KEY": settings.SECRET_KEY, **database, **environment
        }  # fmt: skip
        migrate = [sys.executable, "manage.py", "migrate", "--noinput", "-v", "0"]
        subprocess.run(migrate, cwd=ROOT, env=of_service, check=True, timeout=600)
        service = AnswerService(data, of_service)
        with _here(database.get("KB_DATABASE_URL") or f"sqlite:///{data}/lectern.sqlite3"):
            try:
                yield service
            finally:
                if service.process and service.process.poll() is None:
                    service.end()
    shutil.rmtree(data)


@contextmanager
def _here(url: str) -> Iterator[None]:
    """This thread's default database is that one while the block runs."""
    mine = connections["default"]
    asked = {**mine.settings_dict, **dj_database_url.parse(url)}
    connections["default"] = type(mine)(asked, "default")
    try:
        yield
    finally:
        connections["default"].close()
        if getattr(connections["default"], "pool", None):
            connections["default"].close_pool()
        connections["default"] = mine
