"""Real engines for the tests of search: a Chroma and a Milvus Lite server of their own."""

import pytest

import kb.milvus
from search.stores import open_store
from tests.search.chroma_server import ChromaServer
from tests.search.milvus_server import MilvusServer


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory):
    server = ChromaServer(tmp_path_factory.mktemp("chroma"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def chroma(chroma_server, settings, db):
    """The session's Chroma server, empty, to which the settings point for this test."""
    settings.KB_CHROMA_URL = chroma_server.url
    yield chroma_server
    settings.KB_CHROMA_URL = chroma_server.url
    store = open_store("chroma")
    for name in list(store.collections()):
        store.drop(name)


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory):
    server = MilvusServer(tmp_path_factory.mktemp("milvus"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def milvus(milvus_server, settings):
    """The session's Milvus Lite, empty, to which the settings point for this test."""
    settings.KB_MILVUS_URI = milvus_server.url
    yield milvus_server
    settings.KB_MILVUS_URI = milvus_server.url
    client = kb.milvus.milvus().client
    for name in client.list_collections(timeout=10):
        client.drop_collection(name, timeout=10)


@pytest.fixture
def open_engine(request, settings, tmp_path):
    """Gives the vector store of a name, with its server if it has one, in folders of this test's own."""

    def opened(name):
        if name in ("chroma", "milvus"):
            request.getfixturevalue(name)
        settings.KB_DATA = tmp_path
        (tmp_path / "run").mkdir(exist_ok=True)
        return open_store(name)

    return opened
