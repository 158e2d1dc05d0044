"""What a hostile file can make its child process do, and what it cannot."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading

import pytest

from ingestion.sandbox import Limits, run_fenced


def run(workspace, deed, *arguments, seconds=20, memory_mb=512, file_mb=10):
    lines: list[str] = []
    limits = Limits(seconds, memory_mb, file_mb)
    return run_fenced("tests.ingestion.probe", [deed, *arguments], workspace, limits, lines.append), lines


@pytest.fixture
def listener():
    """A server on this machine that counts who comes."""
    visits = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)

        def listen():
            while True:
                try:
                    server.accept()[0].close()
                    visits.append(1)
                except TimeoutError:
                    continue
                except OSError:
                    return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield server.getsockname()[1], visits
    thread.join()


def test_the_child_cannot_call_anybody(tmp_path, listener):
    port, visits = listener
    ending, _ = run(tmp_path, "call", str(port))
    assert ending.code == 1
    assert "may not use the network" in ending.errors
    assert not visits


def may_leave_the_network() -> bool:
    code = "from ingestion.fence import leave_the_network; raise SystemExit(not leave_the_network())"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_nor_can_a_program_that_it_starts(tmp_path, listener):
    if not may_leave_the_network():
        pytest.skip("this kernel gives no network namespaces to us")
    port, visits = listener
    _, lines = run(tmp_path, "call_from_program", str(port))
    assert lines == ["1"]
    assert not visits


def test_a_child_that_sleeps_is_stopped_by_the_clock(tmp_path):
    ending, _ = run(tmp_path, "hang", seconds=1)
    assert ending.timed_out


def test_a_child_that_computes_for_ever_is_stopped(tmp_path):
    ending, _ = run(tmp_path, "burn", seconds=1)
    assert ending.timed_out or ending.code == -signal.SIGXCPU


def test_a_child_gets_no_more_memory_than_allowed(tmp_path):
    ending, _ = run(tmp_path, "eat")
    assert "MemoryError" in ending.errors


def test_a_child_writes_no_larger_file_than_allowed(tmp_path):
    ending, _ = run(tmp_path, "write")
    assert ending.code
    assert (tmp_path / "large").stat().st_size <= 10 * 1024 * 1024


def test_a_crash_is_told_by_its_signal(tmp_path):
    ending, _ = run(tmp_path, "crash")
    assert ending.code == -signal.SIGABRT


def test_no_secret_is_in_the_childs_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("KB_SECRET_KEY", "do not tell")
    _, lines = run(tmp_path, "tell_environment")
    assert "KB_SECRET_KEY" not in lines[0]


def test_a_listener_that_raises_leaves_no_child(tmp_path):
    pids = []

    def fail(line):
        pids.extend(map(int, line.split()))
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        run_fenced("tests.ingestion.probe", ["orphan"], tmp_path, Limits(20, 512), fail)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_who_has_used_up_his_time_is_told_so_and_not_killed_like_any_other():
    limit = "import resource; from ingestion import fence; fence._limit(resource.RLIMIT_CPU, 1, more=fence.GRACE)"
    spin = f"{limit}\nwhile 1: pass"
    assert subprocess.run([sys.executable, "-c", spin], check=False).returncode == -signal.SIGXCPU
