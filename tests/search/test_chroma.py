"""What is Chroma's own: a server that restarts, moves, hangs, lies or is killed."""

import socket
import threading

import pytest

from kb.models import KnowledgeBase
from search.stores import StoreError, open_store
from tests.search.library import direction, found, make_index, put

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def index(db):
    return make_index(KnowledgeBase.objects.create(name="Handbook"))


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


def httpx_timeout(seconds):
    import httpx

    return httpx.Timeout(seconds)


def _lie_once(server):
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
