"""Keep vectors in a Chroma server, over its HTTP interface.

Spoken to directly: `import chromadb` costs a web process more than a second, and its client waits for ever on a server
that hangs, from its first request on. Collections hold ids and vectors only and are never filtered by metadata, which
costs 16 to 80 times an unfiltered query. Their names begin with the installation's, as others may use the server, too.
"""

import base64
import time
from collections.abc import Iterator, Sequence

import httpx
import numpy as np
from django.conf import settings

from kb.data import chroma_url
from kb.kept import Kept
from search.identity import identity
from search.stores import NAME, Neighbour, StoreError, entries, finite

DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
HNSW = {"space": "cosine", "ef_construction": 100, "ef_search": 200, "max_neighbors": 16}
ASK_SECONDS = httpx.Timeout(5.0, connect=1.0)
WRITE_SECONDS = httpx.Timeout(120.0, connect=2.0)
MUTE_SECONDS = 10  # after a timeout, how long questions do not wait for this server again
PAGE = 1000  # Chroma's SQLite refuses far longer lists
PAYLOAD = 30_000_000  # bytes; the server takes 40 MB


class ChromaStore:
    """Any number of these share one connection pool and one memory of what the collections are called inside."""

    def __init__(self) -> None:
        self.prefix = f"lectern-{identity()}-"

    def add(self, collection: str, chunk_ids: Sequence[int], vectors: np.ndarray) -> None:
        rows = entries(chunk_ids, vectors)
        self._make(collection)
        step = min(PAGE, max(1, PAYLOAD // (rows.shape[1] * 6 + 64))) if len(rows) else PAGE
        for start in range(0, len(rows), step):
            batch = slice(start, start + step)
            body = {"ids": _names(chunk_ids[batch]), "embeddings": [_base64(row) for row in rows[batch]]}
            self._post(collection, "upsert", body, WRITE_SECONDS)

    def remove(self, collection: str, chunk_ids: Sequence[int]) -> None:
        for page in _pages(chunk_ids):
            try:
                self._post(collection, "delete", {"ids": _names(page)}, WRITE_SECONDS)
            except UnknownCollection:
                return

    def nearest(self, collection: str, vector: np.ndarray, limit: int) -> list[Neighbour]:
        question = finite(vector).astype(float).tolist()
        body = {"query_embeddings": [question], "n_results": limit, "include": ["distances"]}
        found = self._post(collection, "query", body, ASK_SECONDS)
        try:
            pairs = zip(found["ids"][0], found["distances"][0], strict=True)
            neighbours = [Neighbour(int(name), 1.0 - distance) for name, distance in pairs]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise StoreError(f"Chroma's answer cannot be read: {error}") from error
        return sorted(neighbours, key=lambda one: (-one.similarity, one.chunk_id))

    def missing(self, collection: str, chunk_ids: Sequence[int]) -> set[int]:
        return set(chunk_ids) - {pk for pk, _ in self._read(collection, chunk_ids)}

    def vectors(self, collection: str, chunk_ids: Sequence[int]) -> tuple[list[int], np.ndarray]:
        found = list(self._read(collection, chunk_ids))
        return [pk for pk, _ in found], np.array([row for _, row in found], np.float32)

    def _read(self, collection: str, chunk_ids: Sequence[int]) -> Iterator[tuple[int, list[float]]]:
        """What can be read back, a page at a time."""
        for page in _pages(chunk_ids):
            try:
                found = self._post(collection, "get", {"ids": _names(page), "include": ["embeddings"]}, WRITE_SECONDS)
            except UnknownCollection:
                return
            yield from ((int(name), row) for name, row in zip(found["ids"], found["embeddings"], strict=True) if row)

    def count(self, collection: str) -> int:
        try:
            return self._request("GET", f"/collections/{self._id(collection)}/count", timeout=ASK_SECONDS)
        except UnknownCollection:
            return 0

    def ids(self, collection: str) -> Iterator[int]:
        offset = 0
        body = {"include": [], "limit": PAGE}
        try:
            while page := self._post(collection, "get", body | {"offset": offset}, WRITE_SECONDS)["ids"]:
                yield from (int(name) for name in page)
                offset += len(page)
        except UnknownCollection:
            return

    def dimension(self, collection: str) -> int | None:
        try:
            return self._described(collection)["dimension"]
        except UnknownCollection:
            return None

    def drop(self, collection: str) -> None:
        try:
            self._described(collection)
            self._request("DELETE", f"/collections/{self._name(collection)}", timeout=WRITE_SECONDS)
        except UnknownCollection:
            return
        finally:
            server().ids.pop(self._name(collection), None)

    def collections(self) -> Iterator[str]:
        offset = 0
        while page := self._request("GET", f"/collections?limit={PAGE}&offset={offset}", timeout=WRITE_SECONDS):
            ours = (one["name"].removeprefix(self.prefix) for one in page if one["name"].startswith(self.prefix))
            yield from (name for name in ours if NAME.fullmatch(name))
            offset += len(page)

    def _name(self, collection: str) -> str:
        return self.prefix + collection

    def _make(self, collection: str) -> None:
        """The collection, made if it is not there; its inner id is remembered."""
        try:
            self._id(collection)
        except UnknownCollection:
            body = {"name": self._name(collection), "get_or_create": True, "configuration": {"hnsw": HNSW}}
            made = self._request("POST", "/collections", json=body, timeout=WRITE_SECONDS)
            server().ids[self._name(collection)] = made["id"]

    def _id(self, collection: str) -> str:
        ids, name = server().ids, self._name(collection)
        if name not in ids:
            ids[name] = self._described(collection)["id"]
        return ids[name]

    def _described(self, collection: str) -> dict:
        """What the server says of a collection.

        One of an older Lectern, whose names were without the prefix, gets its new name if the server is our own. On
        another it may be somebody else's, and is left alone.
        """
        try:
            return self._request("GET", f"/collections/{self._name(collection)}", timeout=ASK_SECONDS)
        except UnknownCollection:
            if settings.KB_CHROMA_URL:
                raise
        old = self._request("GET", f"/collections/{collection}", timeout=ASK_SECONDS)
        new = {"new_name": self._name(collection)}
        self._request("PUT", f"/collections/{old['id']}", json=new, timeout=WRITE_SECONDS)
        return old

    def _post(self, collection: str, verb: str, body: dict, timeout: httpx.Timeout) -> dict:
        """One verb on a collection. Where the server was emptied meanwhile, the remembered id is asked for anew."""
        known = self._name(collection) in server().ids
        try:
            return self._request("POST", f"/collections/{self._id(collection)}/{verb}", json=body, timeout=timeout)
        except UnknownCollection:
            server().ids.pop(self._name(collection), None)
            if not known:
                raise
        if verb == "upsert":
            self._make(collection)
        return self._request("POST", f"/collections/{self._id(collection)}/{verb}", json=body, timeout=timeout)

    def _request(self, method: str, path: str, **options):
        return server().request(method, DATABASE + path, **options)


class UnknownCollection(StoreError):
    """The server has no collection of this name or id."""


class Server:
    """A Chroma server at an address: the connections to it, and the ids it gave the collections."""

    def __init__(self, url: str) -> None:
        self.ids: dict[str, str] = {}
        self.mute_until = 0.0
        self._client = httpx.Client(base_url=url, limits=httpx.Limits(max_connections=32), trust_env=False)

    def request(self, method: str, path: str, **options):
        """The answer's JSON. Raises StoreError; a server that just let a question wait is not asked at once again."""
        if options["timeout"] is ASK_SECONDS and time.monotonic() < self.mute_until:
            raise StoreError("Chroma did not answer in time a moment ago.")
        try:
            response = self._send(method, path, **options)
        except httpx.TimeoutException as error:
            self.mute_until = time.monotonic() + MUTE_SECONDS
            raise StoreError("Chroma does not answer in time.") from error
        except httpx.HTTPError as error:
            raise StoreError(f"Chroma does not answer: {error}") from error
        self.mute_until = 0.0
        return _content(response)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _send(self, method: str, path: str, **options) -> httpx.Response:
        """Every verb may be said twice: a kept connection may have died with the server's last run."""
        try:
            return self._client.request(method, path, **options)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            return self._client.request(method, path, **options)


_servers: Kept[str, Server] = Kept(Server)


def server() -> Server:
    """The server at its present address, which the launcher may have changed since the last request."""
    return _servers.of(chroma_url(settings.KB_DATA, settings.KB_CHROMA_URL))


def _content(response: httpx.Response):
    if response.status_code == httpx.codes.NOT_FOUND:
        raise UnknownCollection(f"Chroma has no such collection: {response.text[:200]}")
    if response.is_error:
        raise StoreError(f"Chroma refuses ({response.status_code}): {response.text[:200]}")
    try:
        return response.json()
    except ValueError as error:
        raise StoreError("Chroma's answer is no JSON.") from error


def _names(chunk_ids: Sequence[int]) -> list[str]:
    return [str(chunk_id) for chunk_id in chunk_ids]


def _pages(chunk_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (chunk_ids[start : start + PAGE] for start in range(0, len(chunk_ids), PAGE))


def _base64(row: np.ndarray) -> str:
    return base64.b64encode(row.tobytes()).decode()
