"""The server's side of the query lane: the embed worker, which has the model, embeds questions for the web processes.

It speaks OpenAI's `POST /v1/embeddings`, on a unix socket that only this installation's user may open, or on
KB_EMBED_LISTEN. Texts arrive ready to embed: whoever asks has put the instruction before them. The model is named by
its preset's fingerprint. `POST /v1/rerank` is Jina's, its model a RerankPreset's number.
"""

import json
import logging
import os
import socket
import threading
from base64 import b64encode
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connections

from search.embedders import EmbeddingError
from search.embedders.loaded import loaded
from search.generations.current import serving_presets
from search.lane import socket_path
from search.lane_models import Lane
from search.lane_turns import NobodyWaits, Turns
from search.models import Preset
from search.rerankers import RerankError
from search.rerankers.asked import RerankRequest, rerank

log = logging.getLogger(__name__)

MAX_TEXTS = 64  # as many as search.embedders.server sends at once
MAX_BYTES = 1024 * 1024
IDLE_SECONDS = 120  # a connection that is kept open and says nothing

Embed = Callable[[str, list[str]], np.ndarray]  # model, texts -> (n, dimension) of length 1; raises EmbeddingError


class _Refused(Exception):
    """What was asked cannot be answered: an HTTP status, and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server: Any

    def do_GET(self) -> None:
        if self.path == "/health":
            ready = self.server.is_ready()
            self._answer(200 if ready else 503, {"status": "ready" if ready else "loading"})
        else:
            self._answer(404, _error("There is nothing here."))

    def do_POST(self) -> None:
        try:
            answer = self._routes[self.path](self, self._body()) if self.path in self._routes else None
            if answer is None:
                raise _Refused(404, f"There is nothing here but {' and '.join(self._routes)}.")
        except _Refused as refusal:
            self.close_connection = True  # what was sent with it may be unread
            self._answer(refusal.status, _error(refusal.message))
        except EmbeddingError as error:
            self._answer(_status(error), _error(error.message))
        except RerankError as error:
            self._answer(422 if error.permanent else 503, _error(error.message))
        except NobodyWaits:
            self.close_connection = True
        except Exception:
            log.exception("The query lane failed")
            self._answer(500, _error("The embed worker failed; its log says why."))
        else:
            self._answer(200, answer)

    def _embeddings(self, content: bytes) -> dict[str, Any]:
        texts, model, as_text = _read(content)
        with self.server.turns.turn(len(texts), self._is_waited_for):
            vectors = self.server.embed(model, texts)
        rows = [_base64(row) for row in vectors] if as_text else vectors.tolist()
        data = [{"object": "embedding", "index": n, "embedding": row} for n, row in enumerate(rows)]
        tokens = self.server.count(model, texts)
        usage = {} if tokens is None else {"usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
        return {"object": "list", "model": model, "data": data, **usage}

    def _rerank(self, content: bytes) -> dict[str, Any]:
        asked = read_rerank(content)
        scores = self.server.rerank(asked)
        results = [{"index": n, "relevance_score": float(score)} for n, score in enumerate(scores)]
        return {"model": asked.model, "results": results}

    _routes = {"/v1/embeddings": _embeddings, "/v1/rerank": _rerank}

    def _is_waited_for(self) -> bool:
        """Whether the client has not hung up; it says nothing before it is answered."""
        self.connection.settimeout(0)
        try:
            return self.connection.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self.connection.settimeout(self.timeout)

    def _body(self) -> bytes:
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            raise _Refused(411, "The request does not say how long it is.") from None
        if not 0 <= length <= MAX_BYTES:
            raise _Refused(413, f"At most {MAX_BYTES} bytes can be read at once.")
        return self.rfile.read(length)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def address_string(self) -> str:
        return "lane"

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)


def _status(error: EmbeddingError) -> int:
    """As a model server says it, so that the client can tell a text that is refused from a model that is not there."""
    if not error.permanent:
        return 503
    return 422 if error.refuses_text else 424


def _base64(row: np.ndarray) -> str:
    return b64encode(row.astype("<f4").tobytes()).decode()


def _read(content: bytes) -> tuple[list[str], str, bool]:
    try:
        body = json.loads(content)
        texts, model = body["input"], str(body.get("model", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _Refused(400, 'The request is not JSON with "input".') from None
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise _Refused(400, '"input" must be a text or a list of texts.')
    if len(texts) > MAX_TEXTS:
        raise _Refused(413, f"At most {MAX_TEXTS} texts can be embedded at once.")
    return texts, model, body.get("encoding_format") == "base64"


def read_rerank(content: bytes) -> RerankRequest:
    """What is asked for; refused where it is not Jina's form."""
    try:
        body = json.loads(content)
        question, passages, model = body["query"], body["documents"], str(body.get("model", ""))
        seconds = float(body["seconds"]) if "seconds" in body else None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _Refused(400, 'The request is not JSON with "query" and "documents".') from None
    if not isinstance(question, str) or not isinstance(passages, list) or not all(isinstance(p, str) for p in passages):
        raise _Refused(400, '"query" must be a text and "documents" a list of texts.')
    if len(passages) > MAX_TEXTS:
        raise _Refused(413, f"At most {MAX_TEXTS} passages can be reranked at once.")
    return RerankRequest(model, question, passages, seconds)


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message}}


class _Quiet:
    """Threads that end with the process; a client that went away is no news."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        log.debug("A connection to the query lane broke off", exc_info=True)


class _SocketServer(_Quiet, ThreadingUnixStreamServer):
    def server_bind(self) -> None:
        """Readable by its owner alone from the first moment; one that a dead worker left is replaced."""
        path = Path(str(self.server_address))
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            super().server_bind()
        finally:
            os.umask(before)


class _NetworkServer(_Quiet, ThreadingHTTPServer):
    """The same at a network address; put it where only this installation's machines reach it."""


def serve(
    embed: Embed,
    address: Path | tuple[str, int],
    *,
    is_ready: Callable[[], bool] = lambda: True,
    rerank: Callable[[RerankRequest], np.ndarray] = rerank,
    count: Callable[[str, list[str]], int | None] = lambda model, texts: None,
) -> Any:
    """A server that listens at once and answers from threads of its own; `shutdown()` and `server_close()` end it.

    `count` says how many tokens of the texts the model reads, None where that is not known.
    """
    server: Any
    if isinstance(address, Path):
        server = _SocketServer(str(address), _Handler)
    else:
        server = _NetworkServer(address, _Handler)
    server.embed, server.is_ready, server.rerank, server.count = embed, is_ready, rerank, count
    server.turns = Turns()
    threading.Thread(target=server.serve_forever, name="query-lane", daemon=True).start()
    return server


def listen_address(listen: str) -> Path | tuple[str, int]:
    """host:port as KB_EMBED_LISTEN says, else the socket."""
    if not listen:
        return socket_path()
    host, _, port = listen.rpartition(":")
    return (host.strip("[]") or "127.0.0.1", int(port))


_started: list[Any] = []
_ready = threading.Event()


def start() -> None:
    """Open the lane in this process (once), and begin to load the models, so that the first question finds it."""
    if _started:
        return
    address = listen_address(settings.KB_EMBED_LISTEN)
    lane = Lane()
    _started.append(serve(lane.embed, address, is_ready=_ready.is_set, count=lane.count))
    _in_background(_load_serving)
    log.info("Questions are embedded at %s", address)


def _in_background(work: Callable[..., Any], *args: Any) -> None:
    threading.Thread(target=_logged, args=[work, *args], name="load-model", daemon=True).start()


def _logged(work: Callable[..., Any], *args: Any) -> None:
    try:
        work(*args)
    except EmbeddingError as error:
        log.error("%s", error.message)
    finally:
        connections.close_all()


def _load_serving() -> None:
    """The models of the indexes that answer, so that no question waits for one that is only being built."""
    for preset in serving_presets():
        if preset.engine == Preset.Engine.LOCAL:
            _logged(loaded, preset)
    _ready.set()
