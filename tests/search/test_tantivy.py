"""The keyword index in files: what other processes see of it, what it survives."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from search.keywords import KeywordError
from search.keywords.tantivy import TantivyIndex
from tests.search.test_keywords import entry, ids


@pytest.fixture
def keywords(tmp_path):
    return TantivyIndex(tmp_path / "keywords")


def test_another_process_sees_a_commit(keywords):
    assert keywords.best("fresh", indexes=[1], limit=5) == []
    with _in_another_process(keywords.folder, "keywords.add([Entry(7, uuid4(), 1, '', '', 'fresh')])"):
        pass
    assert ids(keywords.best("fresh", indexes=[1], limit=5)) == [7]


def test_a_writer_that_was_killed_leaves_no_lock_and_nothing_half_done(keywords):
    keywords.add([entry(1, "before")])
    writing = _in_another_process(
        keywords.folder,
        "with keywords._writer() as writer:\n"
        "    writer.delete_all_documents()\n"
        "    print('holds the lock', flush=True)\n"
        "    time.sleep(60)",
    )
    with writing:
        assert writing.stdout.readline().strip() == "holds the lock"
        os.kill(writing.pid, signal.SIGKILL)
    keywords.add([entry(2, "after")])
    assert ids(keywords.best("before after", indexes=[1], limit=5)) == [1, 2]


@pytest.mark.parametrize("part", ["meta.json", "*.term", "*.idx", "*.fast", "*.pos", "*.store"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:10])])
def test_a_damaged_index_is_said_and_begins_again_for_who_fills_it(keywords, part, damage):
    keywords.add([entry(1, "before")])
    damage(next(keywords.folder.glob(part)))
    with contextlib.suppress(KeywordError):
        assert keywords.best("before", indexes=[1], limit=5) == []
    assert keywords.missing(1, [1]) == {1}
    keywords.add([entry(1, "before")])
    assert ids(keywords.best("before", indexes=[1], limit=5)) == [1]


def test_an_index_deleted_by_hand_is_made_again(keywords):
    keywords.add([entry(1, "before")])
    shutil.rmtree(keywords.folder)
    assert keywords.best("before", indexes=[1], limit=5) == []
    assert keywords.missing(1, [1]) == {1}
    keywords.add([entry(1, "before")])
    assert ids(keywords.best("before", indexes=[1], limit=5)) == [1]


def _in_another_process(folder, code):
    program = (
        "import time; from pathlib import Path; from uuid import uuid4\n"
        "from search.keywords import Entry; from search.keywords.tantivy import TantivyIndex\n"
        f"keywords = TantivyIndex(Path({str(folder)!r}))\n{code}\n"
    )
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
