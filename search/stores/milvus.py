"""Keep vectors in Milvus: its Lite edition on this machine, or a cluster.

A collection holds ids and vectors only and is never filtered. Reading is strongly consistent, so that what was just
written is read back. Names begin with the installation's, as others may use the cluster, too.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from kb.milvus import WRITE_SECONDS, MilvusError, milvus
from search.identity import identity
from search.stores import NAME, Neighbour, StoreError, entries, finite

PAGE = 1000
PAYLOAD = 30_000_000  # bytes; a cluster takes 64 MB
HNSW = {"M": 16, "efConstruction": 100}
LEAST_EFFORT = 128  # ef


class MilvusStore:
    """Any number of these share the process's connection."""

    def __init__(self) -> None:
        self.prefix = f"lectern_{identity()}_"

    def add(self, collection: str, chunk_ids: Sequence[int], vectors: np.ndarray) -> None:
        rows = entries(chunk_ids, vectors)
        name = self._name(collection)
        step = max(1, min(PAGE, PAYLOAD // (rows.shape[1] * 4 + 64)))
        with _translated():
            self._make(name, rows.shape[1])
            with milvus().writing(name):
                for start in range(0, len(rows), step):
                    batch = zip(chunk_ids[start : start + step], rows[start : start + step], strict=True)
                    listed = [{"id": int(pk), "vector": row} for pk, row in batch]
                    milvus().call("upsert", name, listed, seconds=WRITE_SECONDS)

    def remove(self, collection: str, chunk_ids: Sequence[int]) -> None:
        name = self._name(collection)
        with _translated():
            if not milvus().call("has_collection", name) or not chunk_ids:
                return
            with milvus().writing(name):
                for page in _pages(chunk_ids):
                    milvus().call("delete", name, ids=page, seconds=WRITE_SECONDS)

    def nearest(self, collection: str, vector: np.ndarray, limit: int) -> list[Neighbour]:
        how = {"metric_type": "COSINE", "params": {"ef": max(LEAST_EFFORT, limit)}}
        question = [finite(vector)]
        with _translated():
            found = milvus().call(
                "search", self._name(collection), question, anns_field="vector", limit=limit, search_params=how,
                output_fields=["id"],
            )  # fmt: skip
            neighbours = [Neighbour(int(hit["id"]), float(hit["distance"])) for hit in found[0]]
        return sorted(neighbours, key=lambda one: (-one.similarity, one.chunk_id))

    def missing(self, collection: str, chunk_ids: Sequence[int]) -> set[int]:
        return set(chunk_ids) - {int(row["id"]) for row in self._read(collection, chunk_ids, ["id"])}

    def vectors(self, collection: str, chunk_ids: Sequence[int]) -> tuple[list[int], np.ndarray]:
        found = self._read(collection, chunk_ids, ["id", "vector"])
        return [int(row["id"]) for row in found], np.array([row["vector"] for row in found], np.float32)

    def _read(self, collection: str, chunk_ids: Sequence[int], fields: list[str]) -> list[dict]:
        found: list[dict] = []
        with _translated():
            for page in _pages(chunk_ids):
                try:
                    found += milvus().call("query", self._name(collection), ids=page, output_fields=fields, seconds=60)
                except MilvusError as error:
                    if error.is_unknown:
                        return []
                    raise
        return found

    def count(self, collection: str) -> int:
        with _translated():
            try:
                rows = milvus().call("query", self._name(collection), filter="", output_fields=["count(*)"])
            except MilvusError as error:
                if error.is_unknown:
                    return 0
                raise
            return int(rows[0]["count(*)"])

    def ids(self, collection: str) -> Iterator[int]:
        name = self._name(collection)
        with _translated():
            if not milvus().call("has_collection", name):
                return
            milvus().call("load_collection", name, seconds=WRITE_SECONDS)
            pages = milvus().call("query_iterator", name, batch_size=PAGE, output_fields=["id"])
            while rows := pages.next():
                yield from (int(row["id"]) for row in rows)

    def dimension(self, collection: str) -> int | None:
        with _translated():
            try:
                described = milvus().call("describe_collection", self._name(collection))
            except MilvusError as error:
                if error.is_unknown:
                    return None
                raise
        return next(int(one["params"]["dim"]) for one in described["fields"] if one["name"] == "vector")

    def drop(self, collection: str) -> None:
        with _translated():
            milvus().call("drop_collection", self._name(collection), seconds=WRITE_SECONDS)

    def collections(self) -> Iterator[str]:
        with _translated():
            names = milvus().call("list_collections")
        ours = (name.removeprefix(self.prefix).replace("_", "-") for name in names if name.startswith(self.prefix))
        return iter([name for name in ours if NAME.fullmatch(name)])

    def _name(self, collection: str) -> str:
        """Milvus takes letters, digits and the underscore."""
        if not NAME.fullmatch(collection):
            raise StoreError(f"{collection!r} is no name of a collection.")
        return self.prefix + collection.replace("-", "_")

    def _make(self, name: str, dimension: int) -> None:
        if milvus().call("has_collection", name):
            return
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
        index = MilvusClient.prepare_index_params()
        index.add_index("vector", index_type="HNSW", metric_type="COSINE", params=HNSW)
        milvus().call(
            "create_collection", name, schema=schema, index_params=index, consistency_level="Strong",
            seconds=WRITE_SECONDS,
        )  # fmt: skip


def _pages(chunk_ids: Sequence[int]) -> Iterator[list[int]]:
    return (list(chunk_ids[start : start + PAGE]) for start in range(0, len(chunk_ids), PAGE))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except MilvusError as error:
        raise StoreError(str(error)) from error
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise StoreError(f"The answer of Milvus cannot be read: {error}") from error
