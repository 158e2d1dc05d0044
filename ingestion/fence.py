"""The fence that a child process puts around itself before it opens a stranger's file."""

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_MB = 1024 * 1024
GRACE = 5  # seconds of CPU between the signal that says that time is up and the one that kills
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """The kernel kills this process when its parent ends, however that ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def fence(*, parent: int, memory_mb: int, cpu_seconds: int, file_mb: int) -> None:
    """Limit this process, and all that it starts, for good: memory, CPU, file size, processes, network.

    parent: process id of the worker; when it is gone already, so are we.
    """
    die_with_parent()
    if os.getppid() != parent:  # it died before the kernel was told
        os._exit(1)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    leave_the_network()
    _limit(resource.RLIMIT_AS, memory_mb * _MB)
    _limit(resource.RLIMIT_CPU, cpu_seconds, more=GRACE)
    _limit(resource.RLIMIT_FSIZE, file_mb * _MB)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NPROC, 4096)  # counted over all of the user's processes: a fence against fork bombs only
    _limit(resource.RLIMIT_NOFILE, 512)
    subprocess.Popen = _Mortal  # type: ignore[misc]  # libraries start programs (pandoc, tesseract) through it
    sys.addaudithook(_refuse_network)


def leave_the_network() -> bool:
    """Move into a network namespace without any network. False where the kernel does not let us."""
    if _libc.unshare(_NEW_NET) == 0:
        return True
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(_NEW_USER | _NEW_NET) != 0:
        return False
    with contextlib.suppress(OSError):  # keep our own name in the new namespace; files stay ours without it too
        for file, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{file}", "w", encoding="ascii") as out:
                out.write(line)
    return True


def _limit(what: int, value: int, more: int = 0) -> None:
    """The soft limit, and the hard one that much above it: at a soft limit of CPU time comes SIGXCPU, which says why;
    at the hard one SIGKILL, which looks like any other."""
    hard = resource.getrlimit(what)[1]
    soft, last = (n if hard == resource.RLIM_INFINITY else min(n, hard) for n in (value, value + more))
    resource.setrlimit(what, (soft, last))


class _Mortal(subprocess.Popen):
    """A program that ends when we do: a SIGKILL of the worker leaves no orphan, at any depth."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **{**kwargs, "preexec_fn": die_with_parent})


def _refuse_network(event: str, arguments: tuple) -> None:
    """The second wall, for kernels that give no namespace."""
    if event.startswith("socket.") and event not in ("socket.gethostname", "socket.sethostname"):
        raise PermissionError("a document may not use the network")
