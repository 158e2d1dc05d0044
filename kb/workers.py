"""Names of pieces of work, and whether the process behind one still lives."""

import os
import socket
import uuid


def new_worker() -> str:
    """A name for one piece of work, never used again: host:pid:random."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


def is_dead(worker: str) -> bool:
    """Whether the worker ran on this machine and its process is gone: no need to wait for its lease to end."""
    host, _, rest = worker.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname()[:40] or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
