"""Vectors are sorted into as many groups as fit them."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from search.organising.cluster import FEWEST, groups_of
from search.organising.due import ENOUGH


def clouds(number: int, each: int, spread: float = 0.25, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    middles = random.standard_normal((number, 48))
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    points = np.repeat(middles, each, axis=0) + spread * random.standard_normal((number * each, 48)) / 48**0.5
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32), np.repeat(range(number), each)


@pytest.mark.parametrize("number", [2, 4, 7])
def test_the_number_of_groups_is_found(number):
    points, truth = clouds(number, 20)
    found = groups_of(points)
    assert len(set(zip(found.labels.tolist(), truth.tolist(), strict=True))) == number == found.labels.max() + 1
    assert found.score > 0.5


def test_of_many_vectors_some_decide_and_all_are_sorted(monkeypatch):
    points, truth = clouds(4, 100)
    monkeypatch.setattr("search.organising.cluster.FITTED", 80)
    monkeypatch.setattr("search.organising.cluster.BLOCK", 33)
    found = groups_of(points)
    assert len(set(zip(found.labels.tolist(), truth.tolist(), strict=True))) == 4 == found.labels.max() + 1
    assert len(found.similarity) == 400
    assert np.array_equal(found.labels, groups_of(points).labels)


def test_vectors_are_worked_at_as_they_are_without_more_exact_copies(monkeypatch):
    seen = []
    fit = PCA.fit
    monkeypatch.setattr(PCA, "fit", lambda self, rows: seen.append(rows.dtype) or fit(self, rows))
    found = groups_of(clouds(3, 20)[0])
    assert seen == [np.float32] == [found.similarity.dtype]


def test_the_same_vectors_give_the_same_groups():
    points, _ = clouds(5, 12, spread=0.9)
    assert np.array_equal(groups_of(points).labels, groups_of(points).labels)


def test_too_few_vectors_are_not_sorted():
    assert groups_of(clouds(1, FEWEST - 1)[0]) is None
    assert FEWEST == ENOUGH


def test_vectors_that_are_all_the_same_are_one_group():
    found = groups_of(np.tile(np.eye(1, 8, dtype=np.float32), (12, 1)))
    assert found.labels.max() == 0


def test_similarity_is_the_cosine_to_the_middle():
    found = groups_of(clouds(3, 20)[0])
    assert 0.8 < found.similarity.min() <= found.similarity.max() <= 1.0001
