"""What a collection holds: a built base that never changes, and a log of what came and went since.

A folder has a `current` file, replaced in one step, that names the base (none while a collection is small) and the log.
Nothing else is changed but by appending, so that readers and a killed writer find a whole state at any moment.
"""

import contextlib
import json
import os
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from search.stores import Neighbour, StoreError
from search.stores import faiss_base as bases
from search.stores.faiss_base import NOBODY, Base
from search.stores.faiss_log import append, changes, make_durable

RECENT_MOST = 4096  # vectors, or an eighth of the base if that is more, before they are built into a base
DEAD_MOST = 0.2  # of a base, before it is built anew without them
OPENING_TRIES = 5


@dataclass(frozen=True)
class State:
    """A collection as its log says at byte `end`. `alive` (n,): which rows of the base count.

    `recent_ids` (m,) and `recent` (m, dimension) are what was added since; `token` names base and log.
    """

    folder: Path
    token: str
    base: Base | None
    end: int
    alive: np.ndarray
    recent_ids: np.ndarray
    recent: np.ndarray

    @property
    def log(self) -> Path:
        return self.folder / f"{self.token}.log"

    @property
    def dimension(self) -> int:
        return self.recent.shape[1]

    @property
    def dead(self) -> int:
        return len(self.alive) - int(self.alive.sum())

    @property
    def count(self) -> int:
        return int(self.alive.sum()) + len(self.recent_ids)

    def ids(self) -> np.ndarray:
        """The ids of all that counts (count,), sorted."""
        return np.sort(np.concatenate([self._base_ids(), self.recent_ids]))

    def _base_ids(self) -> np.ndarray:
        return self.base.ids[self.alive] if self.base else np.empty(0, np.int64)

    def absent(self, chunk_ids: np.ndarray) -> set[int]:
        """Those of the ids that are not here."""
        here = [self.recent_ids]
        if self.base:
            rows = self.base.rows_of(chunk_ids)
            here.append(self.base.ids[rows[self.alive[rows]]])
        return set(chunk_ids[~np.isin(chunk_ids, np.concatenate(here))].tolist())

    def vectors(self, chunk_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Those of the ids that are here (n,), and their vectors (n, dimension)."""
        recent = np.isin(self.recent_ids, chunk_ids)
        ids, rows = [self.recent_ids[recent]], [self.recent[recent]]
        if self.base:
            places = self.base.rows_of(chunk_ids)
            places = places[self.alive[places]]
            ids.append(self.base.ids[places])
            rows.append(self.base.vectors(places))
        return np.concatenate(ids), np.concatenate(rows)

    def nearest(self, vector: np.ndarray, limit: int) -> list[Neighbour]:
        if vector.shape != (self.dimension,):
            raise StoreError(f"A vector of {vector.shape} cannot be compared with {self.dimension} numbers.")
        found: list[tuple] = []
        if self.base and self.alive.any():
            found += zip(*self.base.search(vector, limit, self.alive), strict=True)
        if len(self.recent_ids):
            similarities = self.recent @ vector
            best = np.argsort(-similarities, kind="stable")[:limit]
            found += zip(self.recent_ids[best], similarities[best], strict=True)
        neighbours = [Neighbour(int(pk), float(value)) for pk, value in found]
        return sorted(neighbours, key=lambda one: (-one.similarity, one.chunk_id))[:limit]

    def newer(self) -> "State":
        """With what was appended to the log since; this one where that is nothing."""
        alive, ids, rows, end = self.alive, [self.recent_ids], [self.recent], self.end
        for change in changes(self.log, self.end):
            if self.base and len(found := self.base.rows_of(change.ids)):
                alive = alive.copy() if alive is self.alive else alive
                alive[found] = False
            kept = [~np.isin(block, change.ids) for block in ids]
            rows = [block if keep.all() else block[keep] for block, keep in zip(rows, kept, strict=True)]
            ids = [block if keep.all() else block[keep] for block, keep in zip(ids, kept, strict=True)]
            if change.vectors is not None:
                ids, rows = [*ids, change.ids], [*rows, change.vectors]
            end = change.end
        if end == self.end:
            return self
        recent_ids, recent = np.concatenate(ids), np.concatenate(rows)
        return replace(self, alive=alive, recent_ids=recent_ids, recent=recent, end=end)

    def changed(self, chunk_ids: np.ndarray, vectors: np.ndarray | None) -> "State":
        """Write a change down and read it back; the base is built anew when much has changed. For the one writer."""
        append(self.log, self.end, chunk_ids, vectors)
        state = self.newer()
        return state.built() if state.is_worn() else state

    def is_worn(self) -> bool:
        """Whether so much came or went since the base was built that it should be built anew."""
        size = len(self.alive)
        return len(self.recent_ids) > max(RECENT_MOST, size // 8) or self.dead > max(RECENT_MOST, size * DEAD_MOST)

    def built(self) -> "State":
        """All that counts in a new base, which takes the old one's place in one step."""
        if self.base and self.base.is_graph and self.dead <= len(self.alive) * DEAD_MOST / 2:
            index = bases.load(self.folder, self.token, to_change=True).index
            index.add(self.recent)
            kept_ids = np.where(self.alive, self.base.ids, NOBODY)
        else:
            kept = self.base.kept(self.alive) if self.base else self.recent[:0]
            index, kept_ids = bases.build(np.concatenate([kept, self.recent])), self._base_ids()
        token = uuid.uuid4().hex
        bases.save(self.folder, token, index, np.concatenate([kept_ids, self.recent_ids]))
        begin(self.folder, self.dimension, token)
        return opened(self.folder)


def begin(folder: Path, dimension: int, token: str = "") -> None:
    """Make the collection that of this token's base, or an empty one; whatever was there before is deleted."""
    has_base, token = bool(token), token or uuid.uuid4().hex
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / f"{token}.log").touch(mode=0o600)
    draft = folder / f"{token}.draft"
    with draft.open("w", encoding="utf-8") as file:
        json.dump({"token": token, "dimension": dimension, "has_base": has_base}, file)
        file.flush()
        os.fsync(file.fileno())
    make_durable(folder)
    draft.replace(folder / "current")
    make_durable(folder)
    for path in folder.iterdir():
        if path.name != "current" and not path.name.startswith(token):
            with contextlib.suppress(OSError):
                path.unlink()


def token_of(folder: Path) -> str:
    """The token that `current` names now. Raises FileNotFoundError where there is no collection."""
    return _current(folder)["token"]


def opened(folder: Path) -> State:
    """The collection as it is on disk. Raises StoreError; FileNotFoundError where there is none."""
    for _ in range(OPENING_TRIES):
        current = _current(folder)
        try:
            return _state(folder, **current).newer()
        except FileNotFoundError:  # a new base took its place just now
            if _current(folder) == current:
                raise StoreError(f"A file of {folder} is missing.") from None
        except (RuntimeError, ValueError, OSError, EOFError) as error:
            raise StoreError(f"The files in {folder} cannot be read: {error}") from error
    raise StoreError(f"The files in {folder} change too quickly to be read.")


def _current(folder: Path) -> dict:
    try:
        return json.loads((folder / "current").read_text(encoding="utf-8"))
    except ValueError as error:
        raise StoreError(f"{folder / 'current'} is damaged.") from error


def _state(folder: Path, *, token: str, dimension: int, has_base: bool) -> State:
    base = _loaded(folder, token) if has_base else None
    alive = base.ids != NOBODY if base else np.empty(0, bool)
    return State(folder, token, base, 0, alive, np.empty(0, np.int64), np.empty((0, dimension), np.float32))


def _loaded(folder: Path, token: str) -> Base:
    """faiss says of a missing file what it says of a damaged one."""
    if not (folder / f"{token}.faiss").exists():
        raise FileNotFoundError(token)
    base = bases.load(folder, token)
    if base.index.ntotal != len(base.ids):
        raise ValueError("it names more or fewer rows than it has")
    return base
