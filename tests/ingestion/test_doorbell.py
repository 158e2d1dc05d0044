"""A message reaches the broker where there is one; without one nothing fails, and nobody waits long."""

import subprocess

import pytest
import redis

from ingestion import doorbell
from kb.celery import app
from kb.services import redis_server
from tests.integration.lectern import until


@pytest.fixture
def broker_at(monkeypatch):
    def point(url: str) -> None:
        monkeypatch.setattr(app.conf, "broker_url", url)
        monkeypatch.setattr(app.conf, "broker_write_url", url)

    return point


@pytest.mark.integration
@pytest.mark.parametrize("whose", ["the machine's", "the package's"])
def test_a_message_reaches_the_broker_and_leaves_no_connection_behind(broker_at, tmp_path, monkeypatch, whose):
    if whose == "the package's":
        monkeypatch.setattr("kb.services.shutil.which", lambda name: None)
    socket = tmp_path / "redis.sock"
    server = subprocess.Popen(
        [redis_server(), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    try:
        until(socket.exists, 30, "Redis to start")
        broker_at(f"redis+socket://{socket}")
        assert doorbell.ring_for_parsing("one")
        assert doorbell.ring_for_parsing("two")
        with redis.Redis(unix_socket_path=str(socket)) as client:
            assert client.llen("parse") == 2
            assert client.info("clients")["connected_clients"] == 1
    finally:
        server.terminate()
        server.wait(30)


def test_without_a_broker_ringing_says_so_after_two_tries(broker_at, tmp_path, monkeypatch):
    tries = []
    real = redis.connection.UnixDomainSocketConnection._connect
    monkeypatch.setattr(
        redis.connection.UnixDomainSocketConnection, "_connect", lambda self: tries.append(1) or real(self)
    )
    broker_at(f"redis+socket://{tmp_path}/nobody.sock")
    assert not doorbell.ring_for_embedding()
    assert 1 <= len(tries) <= 4
