"""A client that is gone is noticed by looking at its socket, which takes nothing from it."""

import socket
import struct

import pytest
from django.test import RequestFactory

from kb.hang_up import has_hung_up


@pytest.fixture
def line():
    """(the client's end, the server's end) of a connection."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        with accepted:
            yield client, accepted


def request_over(end):
    return RequestFactory().get("/", **({"gunicorn.socket": end} if end else {}))


def test_a_client_that_waits_is_there(line):
    assert not has_hung_up(request_over(line[1]))


def test_a_client_that_closed_its_connection_is_gone(line):
    line[0].close()
    assert has_hung_up(request_over(line[1]))


def test_a_client_that_broke_its_connection_is_gone(line):
    client, accepted = line
    accepted.sendall(b"something that is never read")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert has_hung_up(request_over(accepted))


def test_what_a_client_sends_next_is_left_for_whoever_reads_it(line):
    client, accepted = line
    client.sendall(b"GET")
    assert not has_hung_up(request_over(accepted))
    assert accepted.recv(3) == b"GET"


def test_behind_another_server_nothing_is_known():
    assert not has_hung_up(request_over(None))
    assert not has_hung_up(request_over(object()))
