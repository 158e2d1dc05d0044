"""Real engines for the tests of search: a Chroma server of their own."""

import pytest

from search.stores import open_store
from tests.search.chroma_server import ChromaServer


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory):
    server = ChromaServer(tmp_path_factory.mktemp("chroma"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def chroma(chroma_server, settings):
    """The session's Chroma server, empty, to which the settings point for this test."""
    settings.KB_CHROMA_URL = chroma_server.url
    yield chroma_server
    settings.KB_CHROMA_URL = chroma_server.url
    store = open_store("chroma")
    for name in list(store.collections()):
        store.drop(name)
