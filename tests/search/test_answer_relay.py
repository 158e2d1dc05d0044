"""A request is passed on to the process that writes answers for as long as somebody waits for what it says."""

import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from search.answer_lane import AnswerLaneError
from search.answer_relay import relay


class Far(BaseHTTPRequestHandler):
    """Says two pieces, with a pause before each."""

    protocol_version = "HTTP/1.1"
    pauses = (0.0, 0.0)
    paths: list[str] = []

    def do_POST(self) -> None:
        Far.paths.append(self.path)
        content = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.pauses[0])
        self.send_response(201)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for pause, piece in ((0.0, b"one "), (self.pauses[1], content), (0.0, b"")):
            time.sleep(pause)
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    def log_message(self, *arguments) -> None:
        pass


@pytest.fixture
def far(settings, monkeypatch):
    """The process, at a network address; gives how long it pauses."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Far)
    server.daemon_threads, server.handle_error = True, lambda *gone: None
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    settings.KB_ANSWER_URL = f"http://127.0.0.1:{server.server_port}/behind"
    monkeypatch.setattr(Far, "paths", [])
    yield lambda *pauses: monkeypatch.setattr(Far, "pauses", pauses)
    server.shutdown()
    server.server_close()


def asked(is_gone=lambda: False):
    return relay("POST", "mcp/", headers={"Content-Type": "text/plain"}, content=b"two", is_gone=is_gone)


def test_what_is_said_comes_piece_by_piece_with_its_headers(far):
    far(0.0, 1.2)
    there = asked()
    assert (there.status_code, there.headers["content-type"]) == (201, "text/event-stream")
    began = time.monotonic()
    pieces = [(piece, time.monotonic() - began) for piece in there]
    there.close()
    assert [piece for piece, _ in pieces] == [b"one ", b"two"]
    assert pieces[0][1] < 1 <= pieces[1][1]
    assert Far.paths == ["/behind/mcp/"]


def test_all_of_it_can_be_read_at_once(far):
    there = asked()
    assert there.read() == b"one two"
    there.close()


@pytest.mark.parametrize("pauses", [(30.0, 0.0), (0.0, 30.0)], ids=["before it begins", "in the middle"])
def test_nobody_reads_on_for_a_program_that_is_gone(far, pauses):
    def read() -> None:
        with closing(asked(is_gone=lambda: True)) as there:
            there.read()

    far(*pauses)
    began = time.monotonic()
    with pytest.raises(AnswerLaneError, match="Nobody waits"):
        read()
    assert time.monotonic() - began < 10


def test_where_nobody_listens_is_said_so(settings, tmp_path):
    settings.KB_DATA, settings.KB_ANSWER_URL, settings.KB_ANSWER_LISTEN = tmp_path, "", ""
    with pytest.raises(AnswerLaneError):
        asked()
