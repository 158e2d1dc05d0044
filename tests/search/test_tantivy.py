"""The keyword index in files: a folder for each index, what other processes see of it, what it survives."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from math import log
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.keywords import KeywordError, tantivy_folder
from search.keywords.tantivy import TantivyIndex
from tests.search.test_keywords import entry, ids

VOCABULARY = ("pump", "gasket", "apple", "pear", "年假", "salary", "invoice", "INV-2024-0031")
TEXTS = st.lists(st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=12).map(" ".join), max_size=12)


@pytest.fixture
def keywords(tmp_path):
    return TantivyIndex(tmp_path / "keywords")


def of(keywords, index_id=1):
    """The folder of an index."""
    return keywords.folder / str(index_id)


@settings(max_examples=15)
@given(mine=TEXTS, others=st.lists(TEXTS, min_size=1, max_size=3), question=TEXTS)
def test_what_happens_to_one_index_changes_no_score_of_another_by_one_bit(tmp_path_factory, mine, others, question):
    keywords = TantivyIndex(tmp_path_factory.mktemp("keywords"))
    keywords.add(entry(number, text) for number, text in enumerate(mine))
    keywords.add(entry(number, text, index_id=3) for number, text in enumerate(mine))
    asked = " ".join(question)
    alone = keywords.best(asked, indexes=[1], limit=5)
    together = keywords.best(asked, indexes=[1, 3], limit=5)
    for texts in others:  # it gets entries, gets others in their place, and loses some
        keywords.add(entry(number, text, index_id=2) for number, text in enumerate(texts))
        keywords.remove(2, range(0, len(texts), 2))
        assert keywords.best(asked, indexes=[1], limit=5) == alone
        assert keywords.best(asked, indexes=[1, 3], limit=5) == together
    keywords.remove_index(2)
    assert keywords.best(asked, indexes=[1], limit=5) == alone


def test_an_index_that_is_asked_alone_has_plain_bm25(keywords):
    keywords.add([entry(1, "pump pump gasket"), entry(2, "pump apple pear apple pear"), entry(3, "apple")])
    k1, b, mean = 1.2, 0.75, 9 / 3

    def bm25(times, length, frequency):
        rarity = log(1 + (3 - frequency + 0.5) / (frequency + 0.5))
        return rarity * (k1 + 1) * times / (times + k1 * (1 - b + b * length / mean))

    first, second = keywords.best("pump gasket", indexes=[1], limit=5)
    assert (first.chunk_id, second.chunk_id) == (1, 2)
    assert first.score == pytest.approx(bm25(2, 3, 2) + bm25(1, 3, 1), rel=1e-5)
    assert second.score == pytest.approx(bm25(1, 5, 2), rel=1e-5)


def test_several_indexes_are_ranked_as_one(keywords):
    """What is in every passage of the first is rare in both together."""
    texts = [["salary pump", "salary apple"], ["salary pear", *(f"pump w{'x' * n}" for n in range(10))]]
    for index_id, each in enumerate(texts):
        for number, text in enumerate(each):
            keywords.add(entry(10 * index_id + number, text, index_id=index) for index in (index_id, 9))
    for asked in ("salary", "pump", "salary pump pear", "apple nothing"):
        apart = {hit.chunk_id: hit.score for hit in keywords.best(asked, indexes=[0, 1], limit=20)}
        whole = {hit.chunk_id: hit.score for hit in keywords.best(asked, indexes=[9], limit=20)}
        assert apart == pytest.approx(whole, rel=1e-5)
    assert ids(keywords.best("salary", indexes=[0, 1], limit=3)) == [0, 1, 10]
    assert ids(keywords.best("salary pump", indexes=[0, 1], limit=1)) == [0]


def test_an_empty_index_beside_another_changes_nothing(keywords):
    keywords.add([entry(1, "pump gasket"), entry(2, "pump"), entry(3, "gone", index_id=2)])
    alone = keywords.best("pump gasket", indexes=[1], limit=5)
    assert keywords.best("pump gasket", indexes=[1, 7], limit=5) == alone
    keywords.remove_index(2)
    assert keywords.best("pump gasket", indexes=[1, 2], limit=5) == alone


def test_another_process_sees_a_commit(keywords):
    assert keywords.best("fresh", indexes=[1], limit=5) == []
    with _in_another_process(keywords.folder, "keywords.add([Entry(7, uuid4(), 1, '', '', 'fresh')])"):
        pass
    assert ids(keywords.best("fresh", indexes=[1], limit=5)) == [7]


def test_an_index_that_another_process_dropped_and_made_anew_is_read_and_written(keywords):
    keywords.add([entry(1, "before")])
    assert ids(keywords.best("before", indexes=[1], limit=5)) == [1]
    with _in_another_process(
        keywords.folder, "keywords.remove_index(1); keywords.add([Entry(2, uuid4(), 1, '', '', 'after')])"
    ):
        pass
    assert ids(keywords.best("before after", indexes=[1], limit=5)) == [2]
    keywords.add([entry(3, "after")])
    assert ids(keywords.best("before after", indexes=[1], limit=5)) == [2, 3]


def test_a_writer_that_was_killed_leaves_no_lock_and_nothing_half_done(keywords):
    keywords.add([entry(1, "before")])
    writing = _in_another_process(
        keywords.folder,
        "with keywords._of(1).writing() as writer:\n"
        "    writer.delete_all_documents()\n"
        "    print('holds the lock', flush=True)\n"
        "    time.sleep(60)",
    )
    with writing:
        assert writing.stdout.readline().strip() == "holds the lock"
        os.kill(writing.pid, signal.SIGKILL)
    keywords.add([entry(2, "after")])
    assert ids(keywords.best("before after", indexes=[1], limit=5)) == [1, 2]


def test_whenever_a_writer_is_killed_what_it_had_committed_is_there(keywords):
    """Each commit replaces all entries: of two commits, one is found whole. No two of the words have one stem."""
    dice = random.Random(7)
    for _ in range(8):
        writing = _in_another_process(
            keywords.folder,
            "for turn in range(10**6):\n"
            "    keywords.add(Entry(n, uuid4(), 1, '', '', f'zq{chr(97 + turn % 26)}k') for n in range(50))\n"
            "    print(turn, flush=True)",
        )
        with writing:
            assert writing.stdout.readline()
            time.sleep(dice.random() / 4)
            os.kill(writing.pid, signal.SIGKILL)
        assert keywords.count(1) == 50
        assert sorted(keywords.ids(1)) == list(range(50))
        found = [len(keywords.best(f"zq{chr(97 + n)}k", indexes=[1], limit=99)) for n in range(26)]
        assert sorted(found)[-2:] == [0, 50]


def test_a_writer_of_one_index_does_not_hold_up_that_of_another(keywords, monkeypatch):
    monkeypatch.setattr(tantivy_folder, "LOCK_SECONDS", 0.1)
    with keywords._of(1).writing():
        keywords.add([entry(1, "salary", index_id=2)])
        with pytest.raises(KeywordError):
            keywords.add([entry(1, "salary", index_id=1)])


@pytest.mark.parametrize("part", ["meta.json", "*.term", "*.idx", "*.fast", "*.pos", "*.store"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:10])])
def test_a_damaged_index_is_said_and_begins_again_for_who_fills_it(keywords, part, damage):
    keywords.add([entry(1, "before"), entry(1, "others stay", index_id=2)])
    damage(next(of(keywords).glob(part)))
    with contextlib.suppress(KeywordError):
        assert keywords.best("before", indexes=[1], limit=5) == []
    assert keywords.missing(1, [1]) == {1}
    keywords.add([entry(1, "before")])
    assert ids(keywords.best("before", indexes=[1], limit=5)) == [1]
    assert ids(keywords.best("others", indexes=[2], limit=5)) == [1]


def test_an_index_deleted_by_hand_is_made_again(keywords):
    keywords.add([entry(1, "before")])
    shutil.rmtree(keywords.folder)
    assert keywords.best("before", indexes=[1], limit=5) == []
    assert keywords.missing(1, [1]) == {1}
    keywords.add([entry(1, "before")])
    assert ids(keywords.best("before", indexes=[1], limit=5)) == [1]


def test_a_dropped_index_leaves_nothing_on_the_disk(keywords):
    keywords.add([entry(1, "one"), entry(1, "two", index_id=2)])
    keywords.remove_index(1)
    keywords.remove_index(1)
    assert [path.name for path in keywords.folder.iterdir()] == ["2"]


def test_what_a_kill_and_an_older_lectern_left_is_cleared_away(keywords):
    """It kept all indexes in one, in the folder itself."""
    keywords.add([entry(1, "kept")])
    for path in of(keywords).iterdir():
        shutil.copy(path, keywords.folder)
    shutil.copytree(of(keywords), keywords.folder / ".gone-2-17")
    assert keywords.indexes() == [1]
    keywords.add([entry(1, "new", index_id=2)])
    assert sorted(path.name for path in keywords.folder.iterdir()) == ["1", "2"]
    assert ids(keywords.best("kept new", indexes=[1, 2], limit=5)) == [1, 1]


def test_more_indexes_than_a_process_keeps_open_are_asked_together(keywords, monkeypatch):
    monkeypatch.setattr(tantivy_folder, "OPEN_MOST", 3)
    keywords.add(entry(number, "salary", index_id=number) for number in range(8))
    for _ in range(2):
        assert ids(keywords.best("salary", indexes=range(8), limit=20)) == list(range(8))
        assert len(tantivy_folder._opened) == 3


def test_a_removal_of_what_is_not_there_writes_nothing(keywords):
    keywords.add([entry(1, "one")])
    before = (of(keywords) / "meta.json").stat()
    keywords.remove(1, [7])
    keywords.remove(2, [7])
    assert (of(keywords) / "meta.json").stat() == before
    assert keywords.indexes() == [1]


def _in_another_process(folder, code):
    program = (
        "import time; from pathlib import Path; from uuid import uuid4\n"
        "from search.keywords import Entry; from search.keywords.tantivy import TantivyIndex\n"
        f"keywords = TantivyIndex(Path({str(folder)!r}))\n{code}\n"
    )
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
