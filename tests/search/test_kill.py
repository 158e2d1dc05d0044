"""A vector store's server is killed while it writes: what it lost is noticed, and built anew from the database.

faiss has no server; what a kill leaves of it is tested in test_faiss.py.
"""

import contextlib
import shutil
import signal
import threading

import numpy as np
import pytest

from kb.models import KnowledgeBase
from search.checking import audit
from search.place import place
from search.stores import StoreError, open_store
from tests.search.chroma_server import ChromaServer
from tests.search.library import add_document, found, make_index, make_preset
from tests.search.milvus_server import MilvusServer

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
VECTORS = np.random.default_rng(3).normal(size=(900, 32)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


@pytest.fixture(params=["chroma", "milvus"])
def server(request, settings, tmp_path):
    settings.KB_DATA, settings.KB_VECTOR_STORE = tmp_path, request.param
    for folder in ("keywords", "run"):
        (tmp_path / folder).mkdir()
    server = (ChromaServer if request.param == "chroma" else MilvusServer)(tmp_path / request.param)
    server.start()
    settings.KB_CHROMA_URL = settings.KB_MILVUS_URI = server.url
    yield server
    server.stop()


def test_after_kills_everything_is_found_again(server):
    """Whether the server lost what it had acknowledged, or its files, or nothing: afterwards search is right."""
    index = make_index(KnowledgeBase.objects.create(name="Handbook"), preset=make_preset(32))
    texts = [f"text {number}" for number in range(300)]
    document = add_document(index, *texts, vectors=list(VECTORS[:300]))
    index.indexed_documents.all().delete()
    place(index, [document])
    for _ in range(2):
        killed_while_writing(server, index.collection)
        started_again(server)
        index.refresh_from_db()
        for _ in range(3):  # sweeps
            audit.mend_indexes()
        index.refresh_from_db()
        assert index.store_ready
        ids = [chunk.pk for chunk in document.listed]
        assert open_store().missing(index.collection, ids) == set()
        exact = open_store("exact")
        for row in range(0, 300, 30):
            assert found(open_store(), index, VECTORS[row], 1) == found(exact, index, VECTORS[row], 1) == [ids[row]]


def killed_while_writing(server, collection):
    """Vectors come and go, under ids of no chunk, when the kill comes."""
    store, begun = open_store(), threading.Event()

    def write():
        with contextlib.suppress(StoreError):
            for start in range(0, 10**6, 300):
                others = range(10**6 + start, 10**6 + start + 300)
                store.add(collection, others, VECTORS[300:600] + np.float32(0.01))
                store.remove(collection, others)
                begun.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(60)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(30)
    thread.join(120)
    assert not thread.is_alive()


def started_again(server):
    """As the launcher does: on its files, or on none where it does not start with them."""
    try:
        server.start()
    except AssertionError:
        shutil.rmtree(server.folder)
        server.start()
