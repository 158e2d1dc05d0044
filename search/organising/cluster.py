"""Sort vectors into groups, as many as fit them best."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

FEWEST = 8  # vectors: of less there is nothing to sort
IN_A_GROUP = 4  # on average, at the least
MOST_BY_ROOT = 1.3  # groups, times the root of how many vectors there are: a list that can be looked over
NUMBERS = (*range(2, 11), 12, 14, 17, 20, 25, 30)  # of groups that are tried
DIRECTIONS = 32  # that are kept: sorted by these, seven mixed question sets were told apart best (see docs/design.md)
SAMPLE = 2000  # vectors that the silhouette is computed of
FITTED = 20_000  # vectors that decide about directions and groups
BLOCK = 8192  # vectors that are worked at together


@dataclass(frozen=True)
class Groups:
    """`labels` (n,) numbers the group of each vector from 0, `similarity` (n,) is its cosine to its group's middle,
    `score` the mean silhouette (Rousseeuw 1987) of the sorting: -1 to 1, near 0 where the groups run into each other.
    """

    labels: np.ndarray
    similarity: np.ndarray
    score: float


def groups_of(vectors: np.ndarray) -> Groups | None:
    """Sort (n, d) float32 vectors by direction; None where they are too few. The same vectors give the same groups.

    Of more than FITTED, so many decide about directions and groups, and each of the others goes to the nearest.
    """
    if len(vectors) < FEWEST:
        return None
    some = _some(vectors)
    different = len(np.unique(some.round(5), axis=0))
    if different < 2:
        return Groups(np.zeros(len(vectors), int), np.ones(len(vectors)), 0.0)
    directions = PCA(min(DIRECTIONS, len(some) - 1, some.shape[1]), random_state=0).fit(some)
    points = _reduced(directions, some)
    most = min(len(vectors) // IN_A_GROUP, MOST_BY_ROOT * len(vectors) ** 0.5, different)
    means, score = max((_sorted(points, n) for n in NUMBERS if n <= most), key=lambda one: one[1])
    labels = np.concatenate([means.predict(_reduced(directions, block)) for block in _blocks(vectors)])
    return Groups(labels, _to_middles(vectors, labels), score)


def _some(vectors: np.ndarray) -> np.ndarray:
    """All of them, or FITTED by chance, always the same."""
    if len(vectors) <= FITTED:
        return vectors
    return vectors[np.sort(np.random.default_rng(0).choice(len(vectors), FITTED, replace=False))]


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[first : first + BLOCK] for first in range(0, len(rows), BLOCK))


def _reduced(directions: PCA, vectors: np.ndarray) -> np.ndarray:
    """What all have in common is taken away, and what tells few apart; of length 1 again."""
    reduced = directions.transform(vectors)
    return reduced / np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), 1e-12)


def _sorted(points: np.ndarray, number: int) -> tuple[KMeans, float]:
    means = KMeans(number, n_init=4 if len(points) <= SAMPLE else 2, random_state=0).fit(points)
    if len(np.unique(means.labels_)) < 2:  # all the same
        return means, -1.0
    sample = SAMPLE if len(points) > SAMPLE else None
    return means, float(silhouette_score(points, means.labels_, metric="cosine", sample_size=sample, random_state=0))


def _to_middles(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,): the cosine of each vector to its group's middle."""
    groups = np.arange(labels.max() + 1)[:, None]
    parts = list(zip(_blocks(vectors), _blocks(labels), strict=True))
    middles = np.sum([(groups == of).astype(np.float32) @ block for block, of in parts], axis=0)
    middles /= np.maximum(np.linalg.norm(middles, axis=1, keepdims=True), 1e-12)
    return np.concatenate([np.einsum("ij,ij->i", block, middles[of]) for block, of in parts])
