"""Exact search within limits: of memory, of time, and never at the expense of another index."""

import threading
import time
import tracemalloc

import numpy as np
import pytest

from kb.models import KnowledgeBase
from search.keywords import open_keywords
from search.nearest import nearest_chunks
from search.place import entry_of
from search.retrieve import TOO_MANY, retrieve
from search.stores import StoreError, exact, exact_memory, open_store
from search.stores.exact import ExactStore, TooSlow, nearest_of
from search.stores.exact_memory import Matrix, Memory
from tests.search.library import add_document, direction, found, make_index, make_preset

pytestmark = pytest.mark.django_db
WIDE = 256


@pytest.fixture(autouse=True)
def memory(monkeypatch):
    """This test's own, with nothing in it and nothing too slow."""
    monkeypatch.setattr(exact, "_too_slow_until", {})
    monkeypatch.setattr(exact, "memory", Memory())
    return exact.memory


@pytest.fixture
def small(settings):
    """Nothing fits into memory."""
    settings.KB_EXACT_MEMORY_MB = 0


@pytest.fixture
def index(db):
    return filled("Handbook", 40)


@pytest.fixture
def reads(monkeypatch):
    """The indexes of which a page was read, in turn."""
    seen, page = [], exact._page
    monkeypatch.setattr(exact, "_page", lambda index, *rest: (seen.append(index.pk), page(index, *rest))[1])
    return seen


def filled(name, number, dimension=8):
    index = make_index(KnowledgeBase.objects.create(name=name), preset=make_preset(dimension))
    dice = np.random.default_rng(3)
    vectors = [direction(*dice.normal(size=dimension), dimension=dimension) for _ in range(number)]
    add_document(index, *(f"{name} {n}" for n in range(number)), vectors=vectors)
    return index


def a_clock(monkeypatch, step=0.0):
    """Time goes on by `step` with every look at it."""
    clock = {"now": 1000.0, "step": step}

    def now():
        clock["now"] += clock["step"]
        return clock["now"]

    monkeypatch.setattr(exact.time, "monotonic", now)
    return clock


def test_what_does_not_fit_is_read_in_blocks_and_the_same_is_found(index, settings, memory, monkeypatch, reads):
    monkeypatch.setattr(exact, "ROWS_AT_ONCE", 7)
    kept = open_store("exact").nearest(index.collection, direction(1), 10)
    assert memory.size == 40 * 8 * 4
    memory.forget(index.pk)
    settings.KB_EXACT_MEMORY_MB = 0
    reads.clear()
    passing = open_store("exact").nearest(index.collection, direction(1), 10)
    assert [one.chunk_id for one in passing] == [one.chunk_id for one in kept]
    assert [one.similarity for one in passing] == pytest.approx([one.similarity for one in kept])
    assert len(reads) == 7  # six pages, and a look for a seventh
    assert memory.size == 0


def test_reading_in_blocks_takes_the_memory_of_a_block(small, monkeypatch):
    monkeypatch.setattr(exact, "ROWS_AT_ONCE", 50)
    index = filled("Large", 2000, WIDE)
    open_store("exact").nearest(index.collection, direction(1, dimension=WIDE), 5)
    tracemalloc.start()
    open_store("exact").nearest(index.collection, direction(1, dimension=WIDE), 5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2000 * WIDE * 4 / 4


def test_an_index_is_read_once_until_a_document_comes(index, reads):
    store = open_store("exact")
    for _ in range(3):
        found(store, index, direction(1))
    assert reads == [index.pk] * 2
    late = add_document(index, "late", vectors=[direction(1)])
    assert found(store, index, direction(1), 1) == [late.listed[0].pk]
    assert reads == [index.pk] * 4


def test_chunks_without_a_vector_and_documents_that_are_not_in_the_index_are_passed_over(index, settings):
    lacking = add_document(index, "no vector", vectors=[])
    outside = add_document(index, "not in the index", vectors=[direction(1)])
    index.indexed_documents.filter(document=outside).delete()
    for megabytes in (256, 0):
        settings.KB_EXACT_MEMORY_MB = megabytes
        ids = found(open_store("exact"), index, direction(1), 100)
        assert len(ids) == 40
        assert not {lacking.listed[0].pk, outside.listed[0].pk} & set(ids)


def test_equal_vectors_come_in_the_order_of_their_chunks():
    blocks = [(np.array([9, 4, 7]), np.stack([direction(1)] * 3)), (np.array([2, 8]), np.stack([direction(1)] * 2))]
    assert [one.chunk_id for one in nearest_of(blocks, direction(1), 3)] == [2, 4, 7]
    assert nearest_of(blocks, direction(1), 0) == []
    assert nearest_of([], direction(1), 5) == []


def test_when_the_time_is_over_it_is_given_up_and_not_begun_again_for_a_while(index, small, monkeypatch, reads):
    monkeypatch.setattr(exact, "ROWS_AT_ONCE", 7)
    clock = a_clock(monkeypatch, step=1.0)
    with pytest.raises(TooSlow):
        ExactStore(5).nearest(index.collection, direction(1), 5)
    assert 1 <= len(reads) < 7
    reads.clear()
    with pytest.raises(TooSlow):
        ExactStore(5).nearest(index.collection, direction(1), 5)
    assert reads == []
    clock["step"] = 0.0
    clock["now"] += exact.TOO_SLOW_SECONDS
    assert len(ExactStore(5).nearest(index.collection, direction(1), 5)) == 5


def test_all_questions_to_one_store_share_its_time(index, small, monkeypatch):
    other, clock = filled("Other", 5), a_clock(monkeypatch)
    store = ExactStore(5)
    assert store.nearest(index.collection, direction(1), 5)
    clock["now"] += 6
    with pytest.raises(TooSlow):
        store.nearest(other.collection, direction(1), 5)


def test_without_a_limit_of_time_everything_is_compared(index, small, monkeypatch):
    a_clock(monkeypatch, step=100.0)
    assert len(open_store("exact").nearest(index.collection, direction(1), 5)) == 5


def test_what_is_too_slow_is_found_by_its_words_and_the_reader_is_told(index, small, settings, tmp_path, monkeypatch):
    settings.KB_DATA, settings.KB_VECTOR_STORE = tmp_path, "exact"
    monkeypatch.setattr("search.lane.embed_query", lambda *_: direction(1))
    document = add_document(index, "a unicorn", vectors=[direction(-1)])
    open_keywords().add([entry_of(index, chunk) for chunk in document.listed])
    assert len(retrieve("unicorn", knowledge_bases=[index.knowledge_base]).passages) == 8
    monkeypatch.setattr(exact, "ROWS_AT_ONCE", 7)
    a_clock(monkeypatch, step=3.0)
    hybrid = retrieve("unicorn", knowledge_bases=[index.knowledge_base])
    assert [passage.text for passage in hybrid.passages] == ["a unicorn"]
    assert hybrid.notes == (str(TOO_MANY["hybrid"]),)
    vector = retrieve("unicorn", knowledge_bases=[index.knowledge_base], mode="vector")
    assert (vector.passages, vector.notes) == ((), (str(TOO_MANY["vector"]),))


def test_others_answer_while_one_index_is_too_slow(index, settings, monkeypatch):
    settings.KB_VECTOR_STORE = "exact"
    monkeypatch.setattr("search.lane.embed_query", lambda *_: direction(1))
    monkeypatch.setattr(exact, "_too_slow_until", {index.pk: time.monotonic() + 99})
    monkeypatch.setattr(exact, "MB", 1)
    settings.KB_EXACT_MEMORY_MB = 1000  # bytes, so to speak: 40 vectors are more, 5 are less
    other = filled("Other", 5)
    near = nearest_chunks("fruit", [index, other], 20)
    assert len(near.neighbours) == 5
    assert near.left_out == (index,)


def test_a_store_that_does_not_answer_is_made_good_within_the_limits(index, small, settings, monkeypatch):
    settings.KB_VECTOR_STORE = "faiss"
    monkeypatch.setattr("search.lane.embed_query", lambda *_: direction(1))

    def away(*_):
        raise StoreError("Away.")

    monkeypatch.setattr("search.stores.faiss.FaissStore.nearest", away)
    assert len(nearest_chunks("fruit", [index], 5).neighbours) == 5
    monkeypatch.setattr(exact, "ROWS_AT_ONCE", 7)
    a_clock(monkeypatch, step=2.0)
    assert nearest_chunks("fruit", [index], 5).left_out == (index,)


def matrix(megabytes, state=("now",)):
    return Matrix(state, np.arange(megabytes), np.zeros((megabytes, 250_000), np.float32))


def take(memory, key, megabytes, most=10):
    with memory.room(megabytes * exact.MB, most * exact.MB) as fits:
        if fits:
            memory.keep(key, matrix(megabytes))
        return fits


def test_what_was_asked_for_longest_ago_makes_room(memory):
    assert take(memory, 1, 4) and take(memory, 2, 4)
    assert memory.get(1, ("now",))
    assert take(memory, 3, 5)
    assert memory.get(2, ("now",)) is None
    assert memory.get(1, ("now",)) and memory.get(3, ("now",))
    assert memory.size == 9 * exact.MB
    assert not take(memory, 4, 11)
    assert take(memory, 4, 10)
    assert memory.size == 10 * exact.MB


def test_what_is_being_read_counts_and_nothing_makes_room_for_what_does_not_fit_beside_it(memory):
    take(memory, 1, 3)
    with memory.room(6 * exact.MB, 10 * exact.MB):
        assert not take(memory, 2, 5)
        assert memory.get(1, ("now",))
        assert take(memory, 2, 4)
    assert take(memory, 3, 6)


def test_a_reading_that_failed_holds_no_room(memory):
    with pytest.raises(ZeroDivisionError), memory.room(8 * exact.MB, 10 * exact.MB):
        _ = 1 / 0
    assert memory.size == 0


def test_an_index_in_another_state_is_forgotten(memory):
    take(memory, 1, 2)
    assert memory.get(1, ("later",)) is None
    assert memory.size == 0


def test_what_nobody_asks_for_goes_by_itself(memory, monkeypatch):
    monkeypatch.setattr(exact_memory, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(exact_memory, "LOOK_SECONDS", 0.05)
    take(memory, 1, 2)
    take(memory, 2, 2)
    deadline = time.monotonic() + 20
    while memory.size == 4 * exact.MB:
        memory.get(2, ("now",))
        time.sleep(0.01)
        assert time.monotonic() < deadline
    assert memory.get(1, ("now",)) is None
    while memory.size:
        time.sleep(0.01)
        assert time.monotonic() < deadline
    assert take(memory, 3, 2)  # and the next is watched over again
    while memory.size:
        time.sleep(0.01)
        assert time.monotonic() < deadline


def test_one_reads_while_others_wait_and_another_index_is_not_held_up(memory):
    begun, go_on, entered = threading.Event(), threading.Event(), []

    def read():
        with memory.alone(1, -1):
            begun.set()
            go_on.wait(30)

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(30)
    with memory.alone(2, 0.01):
        entered.append(2)
    with pytest.raises(TimeoutError), memory.alone(1, 0.01):
        entered.append(1)
    go_on.set()
    thread.join(30)
    with memory.alone(1, 0.01):
        entered.append(1)
    assert entered == [2, 1]
