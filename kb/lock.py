"""Be alone: a lock among processes and threads of one machine, which the system frees when its holder dies."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK_AGAIN = 0.02  # seconds


@contextmanager
def alone(path: Path, seconds: float) -> Iterator[None]:
    """Hold the lock on this file. Raises TimeoutError where it is not free within so many seconds; OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    deadline = time.monotonic() + seconds
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"Another process holds {path} for more than {seconds:.0f} seconds.") from None
                time.sleep(LOOK_AGAIN)
        yield  # the lock goes with the file
