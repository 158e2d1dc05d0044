"""Real engines for the tests of search: a Chroma server of their own, and indexes with text in them."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from search.stores import open_store


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class ChromaServer:
    """`chroma run` on a port of its own, that can be stopped and started again on the same data."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        command = [Path(sys.executable).with_name("chroma"), "run", "--path", self.folder, "--host", "127.0.0.1"]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < deadline, "Chroma did not start"
            time.sleep(0.1)

    def stop(self) -> None:
        """SIGTERM: a killed Chroma may leave a damaged index."""
        if self.process:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/v2/heartbeat", timeout=1).is_success
        except httpx.HTTPError:
            return False


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
