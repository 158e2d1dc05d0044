"""Real processes: Redis, Chroma, web, workers and reconciler."""

import pytest

from tests.integration.database import own_database
from tests.integration.lectern import Lectern


@pytest.fixture(scope="module")
def lectern(tmp_path_factory):
    with own_database() as database:
        running = Lectern(tmp_path_factory.mktemp("lectern") / "data", **database)
        running.data.mkdir()
        running.start()
        yield running
        if running.process and running.process.poll() is None:
            running.stop()


@pytest.fixture(scope="module")
def api(lectern):
    with lectern.api() as client:
        yield client
