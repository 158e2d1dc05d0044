"""What the processes of a running Lectern hold and spend, looked at again and again."""

import os
import threading
import time
from collections import defaultdict
from dataclasses import astuple, dataclass
from urllib.parse import urlsplit

import psutil
import psycopg

from tests.integration.lectern import Lectern

EVERY = 1.0  # seconds
SERVICES = {
    "web": ("gunicorn",), "answer": ("manage.py", "answer"), "embed": ("celery", "embed@"), "chroma": ("chroma", "run"),
}  # fmt: skip
OTHERS = "others"


@dataclass(frozen=True)
class Usage:
    """Of a service at some moment: seconds of CPU so far, MB of memory, open sockets, files of SQLite, and others.

    Each thread keeps its connection to SQLite, which is two or three files, for a while.
    """

    cpu: float = 0.0
    memory: float = 0.0
    sockets: int = 0
    sqlite: int = 0
    files: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class Moment:
    """All services at once; seconds of CPU that all of the machine has spent; the connections that the database's
    server counts (None: it is SQLite)."""

    at: float
    services: dict[str, Usage]
    machine: float
    database: int | None


def look(lectern: Lectern, **beside: int) -> Moment:
    """As it is now, of the processes beside it, too, that are given by name and pid."""
    services: dict[str, Usage] = defaultdict(Usage)
    for name, pid in beside.items():
        services[name] = _usage_of(psutil.Process(pid))
    for process in lectern.processes():
        try:
            services[_service_of(process)] += _usage_of(process)
        except (psutil.Error, OSError):
            continue  # it has ended
    connections = _connections(lectern.environment.get("KB_DATABASE_URL", ""))
    return Moment(time.monotonic(), dict(services), _busy(), connections)


def _busy() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice  # guests count as users, too


def _usage_of(process: psutil.Process) -> Usage:
    times = process.cpu_times()
    folder = f"/proc/{process.pid}/fd"
    names = [_where(f"{folder}/{one}") for one in os.listdir(folder)]
    sockets = sum(name.startswith("socket:") for name in names)
    sqlite = sum(".sqlite3" in name for name in names)
    cpu, memory = times.user + times.system, process.memory_info().rss / 1e6
    return Usage(cpu, memory, sockets, sqlite, len(names) - sockets - sqlite)


def _where(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _service_of(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    return next((name for name, words in SERVICES.items() if all(word in line for word in words)), OTHERS)


def _connections(url: str) -> int | None:
    if not url.startswith(("postgres://", "postgresql://")):
        return None
    with psycopg.connect(url) as connection:
        asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        return connection.execute(asked, [urlsplit(url).path.removeprefix("/")]).fetchone()[0]


class Watched:
    """`with Watched(lectern) as moments:` looks every second; the list has all moments."""

    def __init__(self, lectern: Lectern, **beside: int) -> None:
        self.lectern, self.beside, self.moments = lectern, beside, []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    moments: list[Moment]

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self.moments.append(look(self.lectern, **self.beside))

    def __enter__(self) -> list[Moment]:
        self.moments.append(look(self.lectern, **self.beside))
        self._thread.start()
        return self.moments

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        self.moments.append(look(self.lectern, **self.beside))
