"""Keep a set of services running until told to stop."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

BACKOFF = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # seconds before the 1st, 2nd, ... start again
STEADY_AFTER = 60.0  # seconds; a service that lived this long starts again at the first backoff
TICK = 0.1
LOG_BYTES = 20_000_000
PR_SET_PDEATHSIG = 1


class LaunchError(Exception):
    """Lectern cannot start; the message is a sentence for people."""


@dataclass(frozen=True)
class Service:
    """A process to keep running. `ready` (given its pid) and `is_broken` are asked often, so they answer at once."""

    name: str
    command: tuple[str, ...]
    where: str = ""  # its address, as shown to people
    ready: Callable[[int], bool] = lambda pid: True
    is_broken: Callable[[], bool] = lambda: False  # True: it runs, but has to be started anew
    mend: Callable[[], str] | None = None  # after 3 deaths within a minute; says what it did
    may_be_killed: bool = True  # False: SIGKILL could spoil its data, so it is waited for
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Running:
    """What is known of a service while the launcher runs."""

    service: Service
    process: subprocess.Popen | None = None
    started: float = 0.0
    is_ready: bool = False
    start_at: float | None = None  # when to start it again
    deaths: list[float] = field(default_factory=list)


def die_with_parent() -> None:
    """In the child, before it becomes the service: end when the launcher is gone, even by SIGKILL (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Hold the data folder for this launcher alone; the lock goes with the process, however it ends."""
    with open(data / "run" / "lock", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LaunchError(f"Lectern is already running on {data}.") from None
        yield


def birth(pid: int) -> str:
    """When the process was started, in clock ticks, or '' if it is gone: tells it from a later one of its number."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state in "ZX" else rest[18]


class Launcher:
    """Keeps services running, and stops them in the groups of `stop_order`: one group after the other."""

    def __init__(self, services: list[Service], data: Path, stop_order: tuple[tuple[str, ...], ...] = ()) -> None:
        self.running = {service.name: Running(service) for service in services}
        self.data = data
        named = {name for group in stop_order for name in group}
        groups = (tuple(name for name in self.running if name not in named), *stop_order)
        self.stop_order = [[name for name in group if name in self.running] for group in groups]
        self.stopping = False
        self.width = max([12, *(len(name) + 1 for name in self.running)])

    def say(self, text: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            print(text, flush=True)

    # --- starting -------------------------------------------------------------

    def start(self, name: str) -> None:
        running = self.running[name]
        log = self.log(name)
        try:
            with open(log, "ab") as file:
                running.process = subprocess.Popen(
                    running.service.command,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **running.service.environment},
                    start_new_session=True,  # Ctrl-C reaches the launcher alone, which stops them in their order
                    preexec_fn=die_with_parent,
                )
        except OSError as error:
            raise LaunchError(f"{name} cannot be started: {running.service.command[0]}: {error.strerror}.") from None
        running.started, running.start_at, running.is_ready = time.monotonic(), None, False
        self.pid_file(name).write_text(f"{running.process.pid} {birth(running.process.pid)}")

    def wait_until_ready(self, names: list[str], seconds: float = 600.0) -> None:
        """Until each is ready; says so, a line each. Raises LaunchError when one isn't in that time or keeps dying."""
        deadline = time.monotonic() + seconds
        while waiting := [name for name in names if not self.running[name].is_ready]:
            if self.stopping:
                return
            self.tick()
            for name in waiting:
                if len(self.running[name].deaths) >= 3:
                    raise LaunchError(f"{name} does not start: {self.last_words(name)} See {self.log(name)}.")
            if time.monotonic() > deadline:
                raise LaunchError(f"{waiting[0]} was not ready after {seconds:.0f} s. See {self.log(waiting[0])}.")
            time.sleep(TICK)

    # --- watching -------------------------------------------------------------

    def run(self) -> None:
        """Keep all of them running until `stopping` is set."""
        while not self.stopping:
            self.tick()
            time.sleep(TICK * 2)

    def tick(self) -> None:
        """Look after each service once."""
        now = time.monotonic()
        for running in self.running.values():
            if running.start_at is not None and now >= running.start_at:
                self.start(running.service.name)
            elif running.process and running.start_at is None:
                self.look_after(running, running.process, now)

    def look_after(self, running: Running, process: subprocess.Popen, now: float) -> None:
        service = running.service
        if process.poll() is not None:
            self.bury(running, process.returncode, now)
        elif service.is_broken():
            self.say(f"{service.name} lost its files and is started again.")
            self.terminate(service.name)
            self.wait_for_end(service.name, 60.0)
            self.start(service.name)
        elif not running.is_ready and service.ready(process.pid):
            running.is_ready = True
            took = f"{now - running.started:.1f} s"
            self.say(f"{service.name:{self.width}} ready {took:>7}  {service.where}".rstrip())
        elif running.is_ready:
            self.shorten_log(service.name)

    def bury(self, running: Running, returncode: int, now: float) -> None:
        """Say that it died and when it is started again."""
        service = running.service
        lived = now - running.started
        running.deaths = [*(running.deaths if lived < STEADY_AFTER else []), now]
        wait = BACKOFF[min(len(running.deaths), len(BACKOFF)) - 1]
        running.start_at = now + wait
        how = ending(returncode)
        words = self.last_words(service.name)
        self.say(f"{service.name} stopped ({how}) and is started again in {wait:.0f} s. {words}".rstrip())
        if service.mend and len(running.deaths) == 3:
            self.say(service.mend())
            running.deaths.clear()

    # --- stopping -------------------------------------------------------------

    def stop_all(self, grace: float = 60.0) -> None:
        """One group after the other, so that each still finds what it needs while it ends."""
        self.stopping = True
        for group in self.stop_order:
            for name in group:
                self.running[name].start_at = None
                self.terminate(name)
            deadline = time.monotonic() + grace
            for name in group:
                self.wait_for_end(name, max(0.0, deadline - time.monotonic()))

    def terminate(self, name: str) -> None:
        process = self.running[name].process
        if process and process.poll() is None:
            process.terminate()

    def wait_for_end(self, name: str, grace: float) -> None:
        """Until it has ended; after `grace` seconds it is killed, if it may be."""
        running = self.running[name]
        process = running.process
        if process is None:
            return
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            if running.service.may_be_killed:
                self.say(f"{name} did not stop in time and is ended.")
                kill_group(process.pid)
            else:
                self.say(f"{name} is still writing and must not be ended; waiting for it.")
            process.wait()
        self.pid_file(name).unlink(missing_ok=True)

    def stop_leftovers(self, grace: float = 60.0) -> None:
        """End what an earlier launcher, that was killed itself, left running."""
        for name, running in self.running.items():
            pid, _, born = (read(self.pid_file(name)) or "0 -").partition(" ")
            if not birth(int(pid)) or birth(int(pid)) != born:
                continue
            self.say(f"{name} is left over from an earlier run and is stopped first.")
            os.kill(int(pid), signal.SIGTERM)
            deadline = time.monotonic() + grace
            while birth(int(pid)) == born:
                if time.monotonic() > deadline and running.service.may_be_killed:
                    kill_group(int(pid))
                time.sleep(TICK)

    # --- logs -----------------------------------------------------------------

    def log(self, name: str) -> Path:
        return self.data / "log" / f"{name}.log"

    def pid_file(self, name: str) -> Path:
        return self.data / "run" / f"{name}.pid"

    def last_words(self, name: str) -> str:
        """The last line of the service's log, which most often says why it ended."""
        lines = read(self.log(name))[-4000:].strip().splitlines()
        return f"It said: {lines[-1].strip()[:300]}" if lines else ""

    def shorten_log(self, name: str) -> None:
        """Move a long log aside; the service goes on writing at the start of the emptied file (it appends)."""
        log = self.log(name)
        if log.exists() and log.stat().st_size > LOG_BYTES:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)


def read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def kill_group(pid: int) -> None:
    """SIGKILL for a service and what it started; each leads a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def ending(code: int) -> str:
    """How a process ended, for people."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
