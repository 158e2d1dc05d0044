"""What every vector store promises, asked of each of them."""

import socket
import threading

import numpy as np
import pytest

from kb.models import KnowledgeBase
from search.models import Index
from search.stores import StoreError, open_store
from search.vectors import shorten
from tests.search.library import DIMENSION, add_document, direction, make_index, make_preset

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(params=["chroma", "exact"])
def store(request, settings):
    if request.param == "chroma":
        request.getfixturevalue("chroma")
    return open_store(request.param)


@pytest.fixture
def index(db):
    return make_index(KnowledgeBase.objects.create(name="Handbook"))


def put(store, index, *vectors):
    """These vectors, in the database and in the store, as the pipeline leaves them; the ids of their chunks."""
    texts = [f"text {np.round(vector, 6).tolist()}" for vector in vectors]
    document = add_document(index, *texts, vectors=list(vectors))
    ids = [chunk.pk for chunk in document.listed]
    store.add(index.collection, ids, shorten(np.stack(vectors), index.dimension))
    return ids


def found(store, index, vector, limit=10):
    return [neighbour.chunk_id for neighbour in store.nearest(index.collection, vector, limit)]


def test_the_nearest_comes_first(store, index):
    far, near, middle = put(store, index, direction(-1), direction(1), direction(1, 1))
    assert found(store, index, direction(1, 0.1)) == [near, middle, far]


def test_similarity_is_the_cosine(store, index):
    put(store, index, direction(1), direction(1, 1), direction(0, 1), direction(-1))
    similarities = [n.similarity for n in store.nearest(index.collection, direction(1), 10)]
    assert similarities == pytest.approx([1, 0.5**0.5, 0, -1], abs=1e-5)


def test_no_more_than_asked_for(store, index):
    put(store, index, *(direction(1, n) for n in range(1, 8)))
    assert len(found(store, index, direction(1), limit=3)) == 3
    assert len(found(store, index, direction(1), limit=100)) == 7


def test_the_same_vector_twice_is_found_twice(store, index):
    ids = put(store, index, direction(1)) + put(store, index, direction(1))
    assert found(store, index, direction(1)) == sorted(ids)


def test_an_unknown_collection_is_an_error(store, index):
    with pytest.raises(StoreError):
        store.nearest("index-999999-1", direction(1), 5)


def test_removing_what_is_not_there_is_no_error(store, index):
    store.remove(index.collection, [1, 2, 3])
    put(store, index, direction(1))
    store.remove(index.collection, [10**12])
    store.drop("index-999999-1")


def test_missing_names_the_chunks_that_cannot_be_read_back(store, index):
    ids = put(store, index, direction(1), direction(0, 1))
    assert store.missing(index.collection, [*ids, 10**12]) == {10**12}
    assert store.missing(index.collection, []) == set()


def test_more_than_a_page_is_kept_and_read_back(store, index):
    random = np.random.default_rng(1).normal(size=(1200, DIMENSION)).astype(np.float32)
    ids = put(store, index, *(random / np.linalg.norm(random, axis=1, keepdims=True)))
    assert store.count(index.collection) == 1200
    assert store.missing(index.collection, ids) == set()


def test_a_vector_of_another_dimension_is_an_error(store, index):
    put(store, index, direction(1))
    with pytest.raises(StoreError):
        store.nearest(index.collection, direction(1, dimension=DIMENSION + 1), 5)


def test_a_shorter_dimension_ranks_by_the_first_numbers(store, db):
    index = make_index(KnowledgeBase.objects.create(name="Short"), preset=make_preset(), dimension=2)
    right, wrong = put(store, index, direction(1, 0, 5), direction(0.2, 1, 0.1))
    neighbours = store.nearest(index.collection, direction(1, dimension=2), 5)
    assert [n.chunk_id for n in neighbours] == [right, wrong]
    assert neighbours[0].similarity == pytest.approx(1, abs=1e-5)


def test_every_collection_is_named(store, index):
    put(store, index, direction(1))
    assert index.collection in list(store.collections())


def test_indexes_do_not_see_each_other(store, index):
    other = make_index(KnowledgeBase.objects.create(name="Other"))
    (mine,), (theirs,) = put(store, index, direction(1)), put(store, other, direction(1, 0.01))
    assert found(store, index, direction(1)) == [mine]
    assert found(store, other, direction(1)) == [theirs]


def test_chroma_finds_what_exact_search_finds(chroma, index):
    random = np.random.default_rng(2).normal(size=(600, DIMENSION)).astype(np.float32)
    vectors = random / np.linalg.norm(random, axis=1, keepdims=True)
    nearest, exact = open_store("chroma"), open_store("exact")
    put(nearest, index, *vectors)
    for question in vectors[:30]:
        assert found(nearest, index, question, 10) == found(exact, index, question, 10)


def test_chroma_replaces_and_forgets(chroma, index):
    store = open_store("chroma")
    first, second = put(store, index, direction(1), direction(0, 1))
    store.add(index.collection, [first], direction(0, 0, 1)[None])
    assert found(store, index, direction(0, 0, 1))[0] == first
    store.remove(index.collection, [first])
    assert found(store, index, direction(0, 0, 1)) == [second]
    store.drop(index.collection)
    with pytest.raises(StoreError):
        store.nearest(index.collection, direction(1), 5)


def test_chroma_refuses_a_vector_that_is_no_number(chroma, index):
    with pytest.raises(StoreError):
        open_store("chroma").add(index.collection, [1], np.full((1, DIMENSION), np.nan, np.float32))


def test_chroma_is_found_again_after_a_restart(chroma, index):
    store = open_store("chroma")
    ids = put(store, index, direction(1))
    chroma.stop()
    with pytest.raises(StoreError):
        store.nearest(index.collection, direction(1), 5)
    chroma.start()
    assert found(store, index, direction(1)) == ids


def test_chroma_is_found_at_a_new_address(chroma, index, settings, tmp_path):
    """The launcher writes the address down; it may take another port the next time."""
    settings.KB_CHROMA_URL, settings.KB_DATA = "", tmp_path
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "chroma.url").write_text("http://127.0.0.1:9")
    store = open_store("chroma")
    with pytest.raises(StoreError):
        store.count(index.collection)
    (tmp_path / "run" / "chroma.url").write_text(chroma.url + "\n")
    assert put(store, index, direction(1)) == found(store, index, direction(1))


def test_a_collection_that_was_deleted_behind_our_back_is_made_again(chroma, index):
    store = open_store("chroma")
    put(store, index, direction(1))
    open_store("chroma").drop(index.collection)
    ids = put(store, index, direction(0, 1))
    assert found(store, index, direction(0, 1)) == ids


def test_a_server_that_takes_the_question_and_says_nothing_is_not_waited_for_twice(settings, monkeypatch):
    monkeypatch.setattr("search.stores.chroma.ASK_SECONDS", httpx_timeout(0.2))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        settings.KB_CHROMA_URL = f"http://127.0.0.1:{silent.getsockname()[1]}"
        store = open_store("chroma")
        with pytest.raises(StoreError, match="in time"):
            store.nearest("index-1-1", direction(1), 5)
        with pytest.raises(StoreError, match="a moment ago"):
            store.nearest("index-1-1", direction(1), 5)


def test_an_answer_that_is_nonsense_is_a_store_error(settings):
    with socket.create_server(("127.0.0.1", 0)) as liar:
        settings.KB_CHROMA_URL = f"http://127.0.0.1:{liar.getsockname()[1]}"
        talking = threading.Thread(target=_lie_once, args=(liar,))
        talking.start()
        with pytest.raises(StoreError):
            open_store("chroma").count("index-1-1")
        talking.join()


def test_exact_search_forgets_a_deleted_document(index):
    store = open_store("exact")
    gone = add_document(index, "a", vectors=[direction(1)])
    kept = add_document(index, "b", vectors=[direction(1, 1)])
    assert found(store, index, direction(1)) == [gone.listed[0].pk, kept.listed[0].pk]
    gone.deleted_at = gone.created_at
    gone.save()
    assert found(store, index, direction(1)) == [kept.listed[0].pk]


def test_exact_search_sees_only_the_chunks_of_its_own_cut(index):
    store = open_store("exact")
    add_document(index, "a", vectors=[direction(1)])
    Index.objects.filter(pk=index.pk).update(state=Index.State.RETIRED)
    other_cut = make_index(index.knowledge_base, preset=make_preset(DIMENSION * 2))
    assert found(store, other_cut, direction(1, dimension=DIMENSION * 2)) == []


def httpx_timeout(seconds):
    import httpx

    return httpx.Timeout(seconds)


def _lie_once(server):
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
