"""Sort vectors into groups, as many as fit them best."""

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


@dataclass(frozen=True)
class Groups:
    """`labels` (n,) numbers the group of each vector from 0, `similarity` (n,) is its cosine to its group's middle,
    `score` the mean silhouette (Rousseeuw 1987) of the sorting: -1 to 1, near 0 where the groups run into each other.
    """

    labels: np.ndarray
    similarity: np.ndarray
    score: float


def groups_of(vectors: np.ndarray) -> Groups | None:
    """Sort (n, d) vectors by direction; None where they are too few. The same vectors give the same groups."""
    if len(vectors) < FEWEST:
        return None
    different = len(np.unique(vectors.round(5), axis=0))
    if different < 2:
        return Groups(np.zeros(len(vectors), int), np.ones(len(vectors)), 0.0)
    points = _reduced(vectors)
    most = min(len(vectors) // IN_A_GROUP, MOST_BY_ROOT * len(vectors) ** 0.5, different)
    numbers = [n for n in NUMBERS if n <= most]
    tried = [_sorted(points, n) for n in numbers]
    labels, score = max(tried, key=lambda one: one[1])
    return Groups(labels, _to_middles(vectors, labels), score)


def _reduced(vectors: np.ndarray) -> np.ndarray:
    """What all have in common is taken away, and what tells few apart; of length 1 again."""
    most = min(DIRECTIONS, len(vectors) - 1, vectors.shape[1])
    reduced = PCA(most, random_state=0).fit_transform(vectors.astype(np.float64))
    return reduced / np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), 1e-12)


def _sorted(points: np.ndarray, number: int) -> tuple[np.ndarray, float]:
    labels = KMeans(number, n_init=4 if len(points) <= SAMPLE else 2, random_state=0).fit_predict(points)
    if len(np.unique(labels)) < 2:  # all the same
        return labels, -1.0
    sample = SAMPLE if len(points) > SAMPLE else None
    return labels, float(silhouette_score(points, labels, metric="cosine", sample_size=sample, random_state=0))


def _to_middles(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    middles = np.stack([vectors[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
    middles /= np.maximum(np.linalg.norm(middles, axis=1, keepdims=True), 1e-12)
    return (vectors * middles[labels]).sum(axis=1)
