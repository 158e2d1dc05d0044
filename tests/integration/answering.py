"""`manage.py answer`, with a database and a data folder that the test shares with it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import dj_database_url
import psutil
from django.conf import settings
from django.db import connections

from kb.services import UnixConnection, answers_http, expand, procfile
from tests.closing import close_connections
from tests.integration.database import own_database
from tests.integration.lectern import ROOT, free_port, until

START, END = 120, 30  # seconds, on a busy machine


class Service(ABC):
    """A child process that works in a data folder."""

    name: str

    def __init__(self, data: Path, environment: dict[str, str]) -> None:
        self.data, self.environment = data, environment
        self.process: subprocess.Popen | None = None

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def answers(self) -> bool: ...

    def start(self) -> None:
        with (self.data / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(self.is_up, START, f"{self.name}; it said {self.said()[-2000:]}")

    def is_up(self) -> bool:
        assert self.process and self.process.poll() is None, self.said()
        return self.answers()

    def end(self, with_signal: int = signal.SIGTERM) -> None:
        assert self.process
        self.process.send_signal(with_signal)
        self.process.wait(END)

    def said(self) -> str:
        log = self.data / f"{self.name}.log"
        return log.read_text(errors="replace") if log.exists() else ""


class AnswerService(Service):
    """`manage.py answer`."""

    name = "answer"

    def command(self) -> list[str]:
        return [sys.executable, "manage.py", "answer"]

    def answers(self) -> bool:
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
        super().end(with_signal)
        close_connections()

    def files(self) -> int:
        """How many file descriptors it has open."""
        assert self.process
        return psutil.Process(self.process.pid).num_fds()


class WebService(Service):
    """gunicorn, as the Procfile starts it, with one process of a few threads."""

    name = "web"

    def __init__(self, data: Path, environment: dict[str, str], threads: int) -> None:
        super().__init__(data, {**environment, "KB_ALLOWED_HOSTS": "127.0.0.1"})
        self.threads, self.port = threads, free_port()

    def command(self) -> list[str]:
        places = {"KB_HOST": "127.0.0.1", "KB_PORT": self.port, "KB_WEB_WORKERS": 1, "KB_WEB_THREADS": self.threads}
        return list(expand(procfile(ROOT / "Procfile")["web"], {name: str(value) for name, value in places.items()}))

    def answers(self) -> bool:
        return answers_http(("127.0.0.1", self.port), "/livez", "127.0.0.1")

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> socket.socket:
        """The line on which the answer to this request will come."""
        line = socket.create_connection(("127.0.0.1", self.port), END)
        content = json.dumps(body).encode() if body else b""
        sent = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in sent.items())
        line.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content)
        return line


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
    """This thread's default database is that one while the block runs. Without a pool: Django has one for each name."""
    mine = connections["default"]
    asked = {**mine.settings_dict, **dj_database_url.parse(url)}
    asked["OPTIONS"] = {name: value for name, value in mine.settings_dict["OPTIONS"].items() if name != "pool"}
    connections["default"] = type(mine)(asked, "default")
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = mine
