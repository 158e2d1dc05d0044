"""The built part of a collection: a faiss index over rows, and which chunk each row is. It never changes."""

import os
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np

FLAT_MOST = 30_000  # vectors that are compared one by one (4 CPU-ms at 384 numbers); more get a graph
LINKS, BUILD_EFFORT, SEARCH_EFFORT = 16, 100, 128  # HNSW's M, efConstruction and least efSearch
NOBODY = -1  # the id of a row that was removed: a graph cannot forget a row, so it is passed over


@dataclass(frozen=True)
class Base:
    """Row n of the index belongs to chunk ids[n], or to NOBODY. `order` sorts the ids."""

    index: faiss.Index
    ids: np.ndarray
    order: np.ndarray

    @property
    def is_graph(self) -> bool:
        return isinstance(self.index, faiss.IndexHNSW)

    def rows_of(self, chunk_ids: np.ndarray) -> np.ndarray:
        """The rows of those of these ids that are here."""
        if not len(self.ids):
            return np.empty(0, np.int64)
        places = np.searchsorted(self.ids, chunk_ids, sorter=self.order)
        rows = self.order[np.minimum(places, len(self.ids) - 1)]
        return rows[self.ids[rows] == chunk_ids]

    def search(self, vector: np.ndarray, limit: int, alive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ids and similarities (k,) of the nearest rows that are alive (n,), best first; k <= limit."""
        bits = np.packbits(alive, bitorder="little")
        selector = None if alive.all() else faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
        if self.is_graph:
            how = faiss.SearchParametersHNSW(sel=selector, efSearch=max(SEARCH_EFFORT, limit))  # type: ignore[attr-defined]
        else:
            how = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        similarities, rows = self.index.search(vector[None], min(limit, len(alive)), params=how)
        hits = rows[0] >= 0
        return self.ids[rows[0][hits]], similarities[0][hits]

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """The vectors of these rows (n, dimension)."""
        return self.index.reconstruct_batch(rows) if len(rows) else np.empty((0, self.index.d), np.float32)

    def kept(self, alive: np.ndarray) -> np.ndarray:
        """The vectors of the rows that are alive."""
        return self.index.reconstruct_n(0, len(alive))[alive]


def build(vectors: np.ndarray) -> faiss.Index:
    """Inner product of vectors of length 1, which is their cosine: a flat list, or a graph if they are many."""
    width = vectors.shape[1]
    if len(vectors) <= FLAT_MOST:
        index: faiss.Index = faiss.IndexFlatIP(width)
    else:
        index = _graph(width)
    index.add(vectors)
    return index


def _graph(width: int) -> faiss.Index:
    index = faiss.IndexHNSWFlat(width, LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = BUILD_EFFORT
    return index


def save(folder: Path, token: str, index: faiss.Index, ids: np.ndarray) -> None:
    """Write both files; they are on disk when this returns."""
    rows, names = _files(folder, token)
    faiss.write_index(index, str(rows))
    with names.open("wb") as file:
        np.save(file, ids)
    for path in (rows, names):
        with path.open("rb") as file:
            os.fsync(file.fileno())


def load(folder: Path, token: str, *, to_change: bool = False) -> Base:
    """Its pages are shared among the processes that read it, unless it is to grow. Raises OSError, RuntimeError."""
    rows, names = _files(folder, token)
    index = faiss.read_index(str(rows), 0 if to_change else faiss.IO_FLAG_MMAP_IFC)
    ids = np.load(names)
    return Base(index, ids, np.argsort(ids, kind="stable"))


def _files(folder: Path, token: str) -> tuple[Path, Path]:
    return folder / f"{token}.faiss", folder / f"{token}.npy"
