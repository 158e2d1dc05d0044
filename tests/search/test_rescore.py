"""Short vectors find candidates, full ones order them."""

import numpy as np
import pytest

from kb.access import readable_by
from search.models import Index
from search.retrieve import retrieve
from search.settings.tuning import Tuning
from tests.search.library import add_document, make_index

pytestmark = pytest.mark.django_db
FULL, SHORT = 8, 2


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@pytest.fixture
def question(settings, tmp_path, monkeypatch):
    settings.KB_DATA, settings.KB_VECTOR_STORE = tmp_path, "exact"
    vector = unit(np.random.default_rng(0).standard_normal(FULL).astype(np.float32))
    monkeypatch.setattr("search.lane.embed_query", lambda preset, text, instruction=None: vector)
    return vector


@pytest.fixture
def vectors(handbook):
    """Forty passages in an index that is searched by the first two of eight numbers."""
    vectors = unit(np.random.default_rng(1).standard_normal((40, FULL)).astype(np.float32))
    index = make_index(handbook)
    for number, vector in enumerate(vectors):
        add_document(index, f"text {number}", vectors=[vector], title=str(number))
    Index.objects.filter(pk=index.pk).update(dimension=SHORT)
    return vectors


def order(user, **tuning):
    found = retrieve("?", knowledge_bases=readable_by(user), mode="vector", limit=10, tuning=Tuning(**tuning))
    return [int(passage.title) for passage in found.passages], [passage.similarity for passage in found.passages]


def test_rescored_passages_have_the_full_vectors_order(alice, question, vectors):
    similarities = vectors @ question
    expected = np.argsort(-similarities)[:10]
    found, told = order(alice, rescore=True, candidates=10)
    assert found == expected.tolist()
    assert told == pytest.approx(similarities[expected].tolist(), abs=1e-5)


def test_without_rescoring_the_short_vectors_order_them(alice, question, vectors):
    short = unit(vectors[:, :SHORT]) @ unit(question[:SHORT])
    expected = np.argsort(-short)[:10]
    found, told = order(alice, rescore=False, candidates=10)
    assert found == expected.tolist()
    assert told == pytest.approx(short[expected].tolist(), abs=1e-5)
    assert found != np.argsort(-(vectors @ question))[:10].tolist()


def test_what_is_rescored_was_found_by_the_short_vectors(alice, question, vectors, monkeypatch):
    """Four times as many candidates as are wanted; what is not among them is not read from the database."""
    monkeypatch.setattr("search.nearest.OVERFETCH", 1)
    short = set(np.argsort(-(unit(vectors[:, :SHORT]) @ unit(question[:SHORT])))[:10].tolist())
    found, _ = order(alice, rescore=True, candidates=10)
    assert set(found) == short
    assert found == sorted(found, key=lambda number: -(vectors[number] @ question))


def test_a_full_index_is_not_rescored(alice, question, vectors, django_assert_max_num_queries):
    Index.objects.update(dimension=FULL)
    expected = np.argsort(-(vectors @ question))[:10].tolist()
    assert order(alice, rescore=True)[0] == order(alice, rescore=False)[0] == expected
