"""The vectors that this process was given last, for texts that it asks about again: a passage's sentences, say."""

from collections.abc import Callable, Hashable
from threading import Lock

import numpy as np
from cachetools import LRUCache

BESIDE = 200  # bytes that a remembered text takes beside its characters and its vector, about


class LastVectors:
    """Of some `most_bytes`; those that were not asked for longest go first. Many threads may use one."""

    def __init__(self, most_bytes: int) -> None:
        self._known: LRUCache = LRUCache(most_bytes, getsizeof=lambda row: row.nbytes + BESIDE)
        self._lock = Lock()

    def of(self, model: Hashable, texts: list[str], embed: Callable[[list[str]], np.ndarray]) -> np.ndarray:
        """(n, dimension): `embed` is asked once, for those that this model's vectors are not known of, each once.

        Raises what it raises, and remembers nothing then.
        """
        with self._lock:
            asked = {text: self._known.get((model, text)) for text in texts}
        rows: dict[str, np.ndarray] = {text: row for text, row in asked.items() if row is not None}
        missing = [text for text in asked if text not in rows]
        if missing:
            made = dict(zip(missing, embed(missing), strict=True))
            rows.update(made)
            self._keep({(model, text): row.copy() for text, row in made.items()})  # no view of all that came with it
        return np.stack([rows[text] for text in texts])

    def _keep(self, rows: dict[tuple[Hashable, str], np.ndarray]) -> None:
        with self._lock:
            for key, row in rows.items():
                if row.nbytes + BESIDE <= self._known.maxsize:
                    self._known[key] = row

    def forget(self) -> None:
        with self._lock:
            self._known.clear()
