"""The store in files: how it grows, what its readers see, what a kill, a second writer or damage leave of it."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from search.stores import StoreError, faiss_base, faiss_state
from search.stores.faiss import FaissStore
from tests.search.library import clustered, recall

NAME = "index-1-1"
VECTORS = clustered(1500)


@pytest.fixture
def store(tmp_path):
    return FaissStore(tmp_path / "faiss")


@pytest.fixture
def soon_built(monkeypatch):
    """What a large collection does after thousands of vectors happens here after hundreds."""
    monkeypatch.setattr(faiss_state, "RECENT_MOST", 100)
    monkeypatch.setattr(faiss_base, "FLAT_MOST", 400)


def add(store, start, stop):
    for first in range(start, stop, 50):
        store.add(NAME, range(first, min(first + 50, stop)), VECTORS[first : min(first + 50, stop)])


def state_of(store):
    return store._state(NAME)


def files(store):
    return {path.suffix for path in (store.folder / NAME).iterdir()}


def test_few_vectors_are_a_log_and_more_a_list_and_many_a_graph(store, soon_built):
    add(store, 0, 100)
    assert state_of(store).base is None
    add(store, 100, 350)
    assert not state_of(store).base.is_graph
    add(store, 350, 1500)
    assert state_of(store).base.is_graph
    assert store.count(NAME) == 1500
    assert files(store) == {"", ".log", ".faiss", ".npy"}


def test_a_graph_finds_what_exact_search_finds(store, soon_built):
    add(store, 0, 1500)
    assert recall(store, NAME, VECTORS) >= 0.95


def test_a_graph_does_not_find_what_was_removed(store, soon_built):
    add(store, 0, 1500)
    gone = list(range(0, 1500, 11))
    store.remove(NAME, gone)
    assert state_of(store).dead > 0
    assert store.count(NAME) == 1500 - len(gone)
    assert store.missing(NAME, range(1500)) == set(gone)
    assert recall(store, NAME, VECTORS, gone) >= 0.95


def test_a_graph_that_lost_much_is_built_anew_without_it(store, soon_built):
    add(store, 0, 1500)
    for first in range(0, 1200, 100):
        store.remove(NAME, range(first, first + 100))
    state = state_of(store)
    assert len(state.alive) < 800
    assert list(store.ids(NAME)) == list(range(1200, 1500))
    assert recall(store, NAME, VECTORS, range(1200)) >= 0.95


def test_what_is_replaced_in_a_graph_is_found_once_at_its_new_place(store, soon_built):
    add(store, 0, 600)
    for _ in range(8):
        store.add(NAME, range(20), VECTORS[1000:1020])
        add(store, 20, 120)
    assert store.count(NAME) == 600
    assert list(store.ids(NAME)) == list(range(600))
    assert [one.chunk_id for one in store.nearest(NAME, VECTORS[1005], 1)] == [5]
    assert store.nearest(NAME, VECTORS[5], 10)[0].chunk_id != 5


def test_adding_little_to_much_writes_little(store, soon_built):
    add(store, 0, 1000)
    before = {path.name: path.stat().st_size for path in (store.folder / NAME).iterdir()}
    store.add(NAME, [5000], VECTORS[:1])
    after = {path.name: path.stat().st_size for path in (store.folder / NAME).iterdir()}
    grown = {name: after[name] - size for name, size in before.items() if after[name] != size}
    assert list(grown.values()) == [16 + 8 + 32 * 4]


def test_a_new_process_reads_what_another_wrote(store, soon_built):
    add(store, 0, 700)
    said = _python(store, "print(store.count('index-1-1'), store.nearest('index-1-1', VECTORS[3], 1)[0].chunk_id)")
    assert said.communicate()[0].split() == ["700", "3"]


def test_readers_notice_what_another_process_writes(store, soon_built):
    add(store, 0, 10)
    assert store.count(NAME) == 10
    _python(store, "add(10, 600); store.remove('index-1-1', [0])").communicate()
    assert store.count(NAME) == 599
    assert store.missing(NAME, [0, 599]) == {0}
    _python(store, "store.drop('index-1-1'); store.add('index-1-1', [7], VECTORS[:1])").communicate()
    assert list(store.ids(NAME)) == [7]


def test_two_processes_may_write_at_the_same_time(store, soon_built):
    writers = [_python(store, f"add({start}, {start + 400})") for start in (0, 400)]
    for writer in writers:
        writer.communicate()
    assert store.missing(NAME, range(800)) == set()
    assert store.count(NAME) == 800


def test_threads_may_read_while_one_writes(store, soon_built):
    add(store, 0, 50)
    wrong = []

    def read():
        for _ in range(60):
            if store.nearest(NAME, VECTORS[5], 1)[0].chunk_id != 5:
                wrong.append(1)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    add(store, 50, 900)
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_log_that_a_new_base_replaces_while_it_is_read_is_no_missing_collection(store, monkeypatch):
    add(store, 0, 50)
    newer, calls = faiss_state.State.newer, []

    def gone_once(state):
        calls.append(state)
        if len(calls) == 1:
            raise FileNotFoundError(state.log)
        return newer(state)

    monkeypatch.setattr(faiss_state.State, "newer", gone_once)
    assert store.nearest(NAME, VECTORS[5], 1)[0].chunk_id == 5
    assert len(calls) == 2


@pytest.mark.parametrize("acknowledged", [1, 2, 3, 5, 8])
def test_nothing_that_was_acknowledged_is_lost_when_its_writer_is_killed(store, acknowledged):
    """A base is built every few batches, so that the kills fall into the building, too."""
    writing = _python(
        store,
        "faiss_state.RECENT_MOST, faiss_base.FLAT_MOST = 40, 60\n"
        "for n in range(0, 1500, 30):\n"
        "    store.add('index-1-1', range(n, n + 30), VECTORS[n:n + 30])\n"
        "    print(n + 30, flush=True)\n",
    )
    for _ in range(acknowledged):
        done = int(writing.stdout.readline())
    os.kill(writing.pid, signal.SIGKILL)
    writing.communicate()
    assert store.missing(NAME, range(done)) == set()
    assert store.nearest(NAME, VECTORS[7], 1)[0].chunk_id == 7
    add(store, done, done + 100)
    assert store.missing(NAME, range(done + 100)) == set()


@pytest.mark.parametrize("lost", [1, 20, 200, 2000])
def test_what_was_written_half_does_not_count_and_is_written_over(store, lost):
    add(store, 0, 100)
    log = next((store.folder / NAME).glob("*.log"))
    os.truncate(log, log.stat().st_size - lost)
    reader = FaissStore(store.folder)
    assert reader.missing(NAME, range(50)) == set()
    assert reader.count(NAME) == 50
    add(reader, 50, 150)
    assert reader.missing(NAME, range(150)) == set()


@pytest.mark.parametrize("name", ["current", "*.faiss", "*.npy", "*.log"])
def test_damage_is_said_and_a_new_collection_does_not_mind(store, soon_built, name):
    add(store, 0, 600)
    damaged = next((store.folder / NAME).glob(name))
    damaged.unlink() if name == "*.log" else damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    said = _python(store, "try: store.nearest('index-1-1', VECTORS[3], 1)\nexcept StoreError: print('said')")
    assert said.communicate()[0].strip() == "said"
    store.drop(NAME)
    add(store, 0, 10)
    assert store.count(NAME) == 10


@pytest.mark.parametrize("name", ["..", "../run", "", ".lock", "a/b"])
def test_a_collection_is_no_way_out_of_its_folder(store, name):
    with pytest.raises(StoreError):
        store.add(name, [1], VECTORS[:1])


def test_an_id_twice_in_one_call_is_refused(store):
    with pytest.raises(StoreError):
        store.add(NAME, [1, 1], VECTORS[:2])


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "faiss").write_text("in the way")
    with pytest.raises(StoreError):
        FaissStore(tmp_path / "faiss").add(NAME, [1], VECTORS[:1])


def test_similarities_are_the_cosines(store, soon_built):
    add(store, 0, 900)
    for one in store.nearest(NAME, VECTORS[4], 20):
        assert one.similarity == pytest.approx(float(np.dot(VECTORS[4], VECTORS[one.chunk_id])), abs=1e-5)


def _python(store, code):
    program = (
        "from pathlib import Path\n"
        "from search.stores import StoreError, faiss_base, faiss_state\n"
        "from search.stores.faiss import FaissStore\n"
        "from tests.search.test_faiss import VECTORS\n"
        "from tests.search import test_faiss\n"
        f"store = FaissStore(Path({str(store.folder)!r}))\n"
        "add = lambda start, stop: test_faiss.add(store, start, stop)\n"
        f"{code}\n"
    )
    settings = {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    setup = "import django; django.setup()\n"
    return subprocess.Popen(
        [sys.executable, "-c", setup + program], stdout=subprocess.PIPE, text=True, env={**os.environ, **settings}
    )
