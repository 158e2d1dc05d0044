"""Run one of our modules as a fenced child process, and see how it ended."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_HOME = Path(__file__).resolve().parent.parent
_QUIET = {
    "DO_NOT_TRACK": "1",
    "SCARF_NO_ANALYTICS": "1",
    "UNSTRUCTURED_DISABLE_NOTICE": "1",
    "OMP_NUM_THREADS": "1",
    "OMP_THREAD_LIMIT": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLSX_MAX_CELLS": "500000",
    "CSV_MAX_CELLS": "500000",
    "DOCX_TABLE_MAX_CELLS": "500000",
    "PYTHONUTF8": "1",
    "LC_ALL": "C.UTF-8",
}


@dataclass(frozen=True)
class Limits:
    seconds: int
    memory_mb: int
    file_mb: int = 1024


@dataclass(frozen=True)
class Ending:
    """How a child ended: its return code (negative: the signal), whether time was up, the end of its error output."""

    code: int
    timed_out: bool
    errors: str


def run_fenced(
    module: str, arguments: list[str], workspace: Path, limits: Limits, on_line: Callable[[str], None] | None = None
) -> Ending:
    """Run `python -m module arguments` until it ends or its time is up; `on_line` gets each line that it reports.

    The child gets its own session, an almost empty environment and `workspace` as its temporary directory, which it
    fences itself in (ingestion.fence) by the limits that come before its own arguments. Whatever happens here - the
    time is up, `on_line` raises - its whole process group is gone when this returns.
    """
    command = [sys.executable, "-s", "-m", module, str(os.getpid()), *map(str, _numbers(limits)), *arguments]
    errors = workspace / "errors.txt"
    with errors.open("wb") as err:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err,
            cwd=workspace, env=_environment(workspace), start_new_session=True,
        )  # fmt: skip
        try:
            timed_out = not _listen(child, time.monotonic() + limits.seconds, on_line)
        finally:
            _end(child)
    return Ending(child.returncode, timed_out, _tail(errors))


def _numbers(limits: Limits) -> tuple[int, int, int]:
    return limits.seconds, limits.memory_mb, limits.file_mb


def _environment(workspace: Path) -> dict[str, str]:
    place = {"PYTHONPATH": str(_HOME), "TMPDIR": str(workspace), "HOME": str(workspace)}
    return {"PATH": os.environ.get("PATH", os.defpath), **place, **_QUIET}


def _listen(child: subprocess.Popen, deadline: float, on_line: Callable[[str], None] | None) -> bool:
    """Read what the child reports until it closes its end. False when the time was up before."""
    assert child.stdout is not None
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                return False
            data = os.read(child.stdout.fileno(), 65536)
            if not data:
                return _waited(child, deadline)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if on_line:
                    on_line(line.decode("utf-8", "replace"))
    return False


def _waited(child: subprocess.Popen, deadline: float) -> bool:
    try:
        child.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(child: subprocess.Popen) -> None:
    """Kill the child's process group: what it started goes with it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    if child.stdout:
        child.stdout.close()


def _tail(errors: Path, size: int = 4000) -> str:
    with errors.open("rb") as file:
        file.seek(max(0, errors.stat().st_size - size))
        return file.read().decode("utf-8", "replace")
