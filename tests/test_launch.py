"""The launcher, with small processes in the place of the real services."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kb.launch import Launcher, LaunchError, Service, birth, only_one
from kb.management.commands.run import check_address
from kb.services import expand, move_aside, procfile, runs_here

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def data(tmp_path):
    for name in ("run", "log"):
        (tmp_path / name).mkdir()
    return tmp_path


def script(name: str, code: str, **details) -> Service:
    return Service(name, (sys.executable, "-c", code), **details)


def sleeper(name: str, **details) -> Service:
    return script(name, "import time; time.sleep(600)", **details)


@pytest.fixture
def launch(data):
    """Makes launchers, and stops what they started."""
    made = []

    def make(*services, **options) -> Launcher:
        launcher = Launcher(list(services), data, **options)
        made.append(launcher)
        for name in launcher.running:
            launcher.start(name)
        return launcher

    yield make
    for launcher in made:
        launcher.stop_all(grace=5)


def watch_until(launcher: Launcher, happened) -> None:
    for _ in range(600):
        launcher.tick()
        if happened():
            return
        time.sleep(0.05)
    pytest.fail("It did not happen within 30 s.")


def test_each_service_gets_a_line_when_it_is_ready(launch, capsys):
    launcher = launch(sleeper("chroma", where="http://127.0.0.1:1"), sleeper("redis", where="unix:redis.sock"))
    launcher.wait_until_ready(["chroma", "redis"], 30)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["chroma", "redis"]
    assert lines[1].split()[1] == "ready"
    assert lines[1].endswith("unix:redis.sock")


def test_a_service_that_dies_is_started_again_and_that_is_said(launch, capsys):
    launcher = launch(sleeper("web"))
    first = launcher.running["web"].process
    os.kill(first.pid, signal.SIGKILL)
    watch_until(launcher, lambda: launcher.running["web"].process.pid != first.pid)
    assert "web stopped (signal SIGKILL) and is started again in 1 s." in capsys.readouterr().out


def test_a_service_that_keeps_dying_at_the_start_is_told_with_its_last_words(launch, monkeypatch):
    monkeypatch.setattr("kb.launch.BACKOFF", (0.0,))
    launcher = launch(script("web", "raise SystemExit('no such folder')", ready=lambda pid: False))
    with pytest.raises(LaunchError, match=r"web does not start: It said: no such folder See .*web\.log"):
        launcher.wait_until_ready(["web"], 30)


def test_after_three_deaths_a_service_is_mended(launch, monkeypatch, data):
    monkeypatch.setattr("kb.launch.BACKOFF", (0.0,))
    folder = data / "chroma"
    folder.mkdir()
    code = f"import os, time; os.path.exists({str(folder)!r}) and exit(1); time.sleep(600)"
    mend = {"mend": lambda: move_aside("Chroma", folder), "ready": lambda pid: not folder.exists()}
    launcher = launch(script("chroma", code, **mend))
    watch_until(launcher, lambda: launcher.running["chroma"].is_ready)
    assert [path.name.startswith("chroma.broken-") for path in data.glob("chroma*")] == [True]


def test_a_service_that_lost_its_files_is_stopped_and_started(launch, data):
    file = data / "chroma.sqlite3"
    file.touch()
    launcher = launch(sleeper("chroma", is_broken=lambda: not file.exists()))
    first = launcher.running["chroma"].process.pid
    file.unlink()
    launcher.tick()
    file.touch()
    assert launcher.running["chroma"].process.pid != first
    assert birth(first) == ""


def test_stopping_keeps_the_order_and_leaves_nothing(launch, data):
    ends = str(data / "ends")
    note = f"import signal, time; signal.signal(15, lambda *_: (open({ends!r}, 'a').write(NAME), exit()))"
    ready = "; print('up', flush=True); time.sleep(600)"
    names = ("redis ", "web ", "parse ")
    launcher = launch(
        *(
            script(
                name.strip(),
                note.replace("NAME", repr(name)) + ready,
                ready=lambda pid, name=name: (data / "log" / f"{name.strip()}.log").read_text() == "up\n",
            )
            for name in names
        ),
        stop_order=(("parse",), ("web",), ("redis",)),
    )
    launcher.wait_until_ready([name.strip() for name in names], 30)
    pids = [running.process.pid for running in launcher.running.values()]
    launcher.stop_all(grace=20)
    assert (data / "ends").read_text() == "parse web redis "
    assert [birth(pid) for pid in pids] == ["", "", ""]
    assert list((data / "run").glob("*.pid")) == []


DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(SECONDS)"


def heard(data, name):
    return lambda pid: "up" in (data / "log" / f"{name}.log").read_text()


def test_a_deaf_service_is_ended_after_its_grace(launch, data, capsys):
    launcher = launch(script("web", DEAF.replace("SECONDS", "600"), ready=heard(data, "web")))
    launcher.wait_until_ready(["web"], 30)
    launcher.stop_all(grace=0.2)
    assert "web did not stop in time and is ended." in capsys.readouterr().out
    assert launcher.running["web"].process.returncode == -signal.SIGKILL


def test_chroma_is_never_killed_but_waited_for(launch, data, capsys):
    launcher = launch(script("chroma", DEAF.replace("SECONDS", "2"), may_be_killed=False, ready=heard(data, "chroma")))
    launcher.wait_until_ready(["chroma"], 30)
    launcher.stop_all(grace=0.2)
    assert "chroma is still writing and must not be ended" in capsys.readouterr().out
    assert launcher.running["chroma"].process.returncode == 0


def test_what_an_earlier_launcher_left_running_is_stopped_first(launch, data, capsys):
    left = launch(sleeper("redis")).running["redis"].process
    reaper = threading.Thread(target=left.wait)  # its parent, the killed launcher, would be gone
    reaper.start()
    Launcher([sleeper("redis")], data).stop_leftovers(grace=20)
    reaper.join(20)
    assert left.returncode == -signal.SIGTERM
    assert "redis is left over from an earlier run" in capsys.readouterr().out


def test_a_stale_pid_that_now_belongs_to_another_process_is_left_alone(data):
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        (data / "run" / "redis.pid").write_text(f"{other.pid} 1")
        Launcher([sleeper("redis")], data).stop_leftovers(grace=1)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_second_launcher_on_the_same_data_is_refused(data):
    with only_one(data), pytest.raises(LaunchError, match="Lectern is already running"), only_one(data):
        pass


def test_a_taken_port_is_said_in_one_sentence():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LaunchError, match=f"Port {port} on 127.0.0.1 is taken by another program"):
            check_address("127.0.0.1", port)


def test_a_program_that_is_missing_is_said_in_one_sentence():
    with pytest.raises(LaunchError, match="The program no-such-program is missing"):
        expand("no-such-program --now", {})


def test_a_folder_with_spaces_stays_one_word():
    assert expand("python ${KB_DATA}/x", {"KB_DATA": "/my data"}) == (sys.executable, "/my data/x")


def test_a_long_log_is_moved_aside(launch, data, monkeypatch):
    monkeypatch.setattr("kb.launch.LOG_BYTES", 100)
    launcher = launch(sleeper("web"))
    launcher.wait_until_ready(["web"], 30)
    (data / "log" / "web.log").write_text("x" * 101)
    launcher.tick()
    assert (data / "log" / "web.log").stat().st_size == 0
    assert (data / "log" / "web.log.1").stat().st_size == 101


def test_the_procfile_names_every_service():
    assert set(procfile(ROOT / "Procfile")) == {
        "redis", "chroma", "milvus", "embed", "answer", "parse", "reconciler", "web",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("vectors", "words", "uri", "here"),
    [
        ("chroma", "tantivy", "", {"chroma"}),
        ("faiss", "tantivy", "", set()),
        ("exact", "milvus", "", {"milvus"}),
        ("milvus", "tantivy", "", {"milvus"}),
        ("milvus", "milvus", "http://milvus:19530", set()),
        ("chroma", "milvus", "", {"chroma", "milvus"}),
    ],
)
def test_only_the_stores_that_are_used_are_started(settings, vectors, words, uri, here):
    settings.KB_VECTOR_STORE, settings.KB_KEYWORD_INDEX, settings.KB_MILVUS_URI = vectors, words, uri
    assert {name for name in ("chroma", "milvus") if runs_here(name)} == here


ORPHAN = """
import sys, time
from pathlib import Path
from kb.launch import Launcher, Service
launcher = Launcher([Service("redis", (sys.executable, "-c", "import time; time.sleep(600)"))], Path(sys.argv[1]))
launcher.start("redis")
print(launcher.running["redis"].process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_services_end_with_a_killed_launcher(data):
    launcher = subprocess.Popen([sys.executable, "-c", ORPHAN, str(data)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    service = int(launcher.stdout.readline())
    launcher.kill()
    launcher.wait()
    launcher.stdout.close()
    for _ in range(200):
        if not birth(service):
            return
        time.sleep(0.05)
    pytest.fail("The service outlived its launcher.")
