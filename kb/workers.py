"""Names of pieces of work, whether the process behind one still lives, and that it goes on saying so."""

import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError, connection

log = logging.getLogger(__name__)


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


@contextmanager
def renewed(renew: Callable[[], object], name: str) -> Iterator[None]:
    """Call `renew` four times a lease, from a thread of its own, while the block runs."""
    done = threading.Event()

    def go_on() -> None:
        while not done.wait(settings.KB_LEASE_SECONDS / 4):
            try:
                renew()
            except DatabaseError as error:  # there are three more chances before the lease ends
                log.warning("Renewing a lease failed: %s", error)
                connection.close()
        connection.close()

    thread = threading.Thread(target=go_on, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
