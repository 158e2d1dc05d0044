"""Hold one way to compute a model against another: how alike their vectors are, and how much faster it is."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

TURNS = 2
Embed = Callable[[list[str]], np.ndarray]


@dataclass(frozen=True)
class Trial:
    """The cosine of both vectors of each sample text, and how many times as fast the new way is (0: not measured)."""

    cosines: list[float]
    speed: float = 0.0


def cosines(found: np.ndarray, wanted: np.ndarray) -> list[float]:
    """Of rows of length 1, a number a row."""
    return [float(cosine) for cosine in (found * wanted).sum(axis=1)]


def times_as_fast(new: Embed, old: Embed, texts: list[str]) -> float:
    """By the processor time that both take in turns, so that other work on the machine counts for neither."""
    for embed in (new, old):
        embed(texts[:1])  # what is compiled at first use
    took = [(_seconds(new, texts), _seconds(old, texts)) for _ in range(TURNS)]
    return min(old for _, old in took) / max(min(new for new, _ in took), 1e-9)


def _seconds(embed: Embed, texts: list[str]) -> float:
    begun = time.process_time()
    embed(texts)
    return time.process_time() - begun
