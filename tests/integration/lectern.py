"""A whole Lectern in a data folder of its own, started as its user would start it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
START = 180.0  # seconds at the most: a busy machine loads the model slowly
PASSWORD = "correct horse battery"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition: Callable[[], object], seconds: float, what: str):
    """Wait for something true and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.5)
    raise AssertionError(f"After {seconds:.0f} s still waiting: {what}")


class Lectern:
    """`manage.py run` as a child process, with its API and its commands at hand."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data, self.port = data, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("KB_", "DJANGO_"))},
            "KB_DATA": str(data), "KB_PORT": str(self.port), "KB_RECONCILE_SECONDS": "2", "KB_CONVERT_AFTER": "0",
            "KB_API_CALLS_A_MINUTE": "0",
            "PYTHONUNBUFFERED": "1",
            **environment,
        }  # fmt: skip
        self.log = data.with_name(data.name + ".log")
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run"], cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
            )  # fmt: skip
        until(self._is_up, START, "Lectern to start; it said: " + self.said()[-2000:])

    def _is_up(self) -> bool:
        assert self.process and self.process.poll() is None, self.said()
        return self.url in self.said()

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def stop(self) -> int:
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=90)

    def manage(self, *arguments: str, **environment: str) -> str:
        """What a management command prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env={**self.environment, **environment},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def api(self, user: str = "alice") -> httpx.Client:
        """A client with a key of this user's, made an administrator if there is none of that name."""
        self.manage("createsuperuser", "--noinput", "--username", user, "--email", "",
                    DJANGO_SUPERUSER_PASSWORD=PASSWORD)  # fmt: skip
        return self.client(self.manage("create_api_key", user).split()[-1])

    def client(self, key: str) -> httpx.Client:
        """A client with this key; it can be told from its `key`."""
        client = httpx.Client(base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=60)
        client.key = key  # type: ignore[attr-defined]
        return client

    def processes(self, *words: str) -> list[psutil.Process]:
        """The service processes whose command line has all of these words, parents before their children."""
        assert self.process
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                line = " ".join(process.cmdline())
            except psutil.Error:
                continue
            if all(word in line for word in words):
                found.append(process)
        return found

    def kill(self, *words: str) -> int:
        """SIGKILL the first process with these words in its command line, once there is one; returns its pid."""
        process = until(lambda: self.processes(*words), 120, f"a process with {words}")[0]
        process.kill()
        return process.pid
