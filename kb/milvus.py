"""Speak to Milvus: a server that `run` starts on files of the data folder, or a cluster at an address."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from django.conf import settings

from kb.data import milvus_url
from kb.lock import alone

log = logging.getLogger(__name__)
ASK_SECONDS, WRITE_SECONDS = 10.0, 120.0
LOCK_SECONDS = 600.0
NOT_LOADED = 101  # what Milvus Lite says after a restart of a collection that is on disk alone
UNKNOWN = (100, 4)  # Milvus 2.3 and later; before
# A server that comes back is found within a second: gRPC's own pauses grow to two minutes. And it hangs up on who asks
# oftener than every five minutes whether it is still there, which pymilvus does every ten seconds.
PAUSES = {
    "grpc.keepalive_time_ms": 600_000, "grpc.keepalive_permit_without_calls": 0,
    "grpc.initial_reconnect_backoff_ms": 100, "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000, "grpc.use_local_subchannel_pool": 1,
}  # fmt: skip


class MilvusError(Exception):
    """Milvus does not answer, or refuses. `is_unknown`: it has no such collection."""

    def __init__(self, message: str, *, is_unknown: bool = False) -> None:
        super().__init__(message)
        self.is_unknown = is_unknown


class Milvus:
    """A connection to a server. Its verbs are pymilvus's, with a time limit and with errors as ours."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connecting = threading.Lock()

    def call(self, verb: str, *arguments: Any, seconds: float = ASK_SECONDS, **options: Any) -> Any:
        """One of MilvusClient's verbs. A collection that a restarted server has not loaded is loaded. MilvusError."""
        from pymilvus.exceptions import MilvusException

        try:
            try:
                return getattr(self.client, verb)(*arguments, timeout=seconds, **options)
            except MilvusException as error:
                if error.code != NOT_LOADED or not arguments:
                    raise
                self.client.load_collection(arguments[0], timeout=WRITE_SECONDS)
                return getattr(self.client, verb)(*arguments, timeout=seconds, **options)
        except MilvusException as error:
            raise MilvusError(f"Milvus: {error.message or error}"[:300], is_unknown=error.code in UNKNOWN) from error
        except Exception as error:  # gRPC's own, and what pymilvus raises of arguments
            raise MilvusError(f"Milvus does not answer: {type(error).__name__}: {error}"[:300]) from error

    @property
    def client(self) -> Any:
        """pymilvus's client, which takes a second to import."""
        with self._connecting:
            return self._client

    @cached_property
    def _client(self) -> Any:
        from pymilvus import MilvusClient

        for name in ("pymilvus", "pymilvus.milvus_client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what it says of an error, it also raises
        return MilvusClient(
            self.url, token=settings.KB_MILVUS_TOKEN, db_name=settings.KB_MILVUS_DATABASE, timeout=ASK_SECONDS,
            grpc_options=PAUSES,
        )  # fmt: skip

    @cached_property
    def is_lite(self) -> bool:
        """Whether it is Milvus Lite, which wants one writer at a time and searches slowly what it has not flushed."""
        return "lite" in self.call("get_server_version").lower()

    @contextmanager
    def writing(self, collection: str) -> Iterator[None]:
        """To write into a collection. Milvus Lite gets one writer at a time, and is asked to build what it was given.

        Raises MilvusError.
        """
        if not self.is_lite:
            yield
            return
        try:
            with alone(settings.KB_DATA / "run" / "milvus.lock", LOCK_SECONDS):
                yield
                self.call("flush", collection, seconds=WRITE_SECONDS)
        except OSError as error:
            raise MilvusError(f"Milvus Lite cannot be written to: {error}") from error


_servers: dict[tuple[str, int], Milvus] = {}
_one_at_a_time = threading.Lock()


def milvus() -> Milvus:
    """The server at its present address; a forked process has a connection of its own."""
    key = (milvus_url(settings.KB_DATA, settings.KB_MILVUS_URI), os.getpid())
    with _one_at_a_time:
        if key not in _servers:
            _servers[key] = Milvus(key[0])
        return _servers[key]
