"""The curve of dimensions: exact, from the stored vectors, with nothing embedded but the questions."""

import numpy as np
import pytest
from django.urls import reverse

from search.evaluation import dimension_curve, pages
from search.evaluation.dimension_curve import dimensions_of
from search.models import EvaluationRun, Index
from search.vectors import of_chunks, shorten
from tests.search.evaluating import TEXTS, done, keep, shelve, vector_of
from tests.search.evaluating import engines as engines
from tests.search.library import make_index, make_preset

pytestmark = pytest.mark.django_db
CURVE = EvaluationRun.Reason.CURVE


@pytest.fixture
def index(handbook, monkeypatch):
    monkeypatch.setattr(dimension_curve, "STEPS", (2, 4, 8))
    return make_index(handbook)


def test_every_dimension_is_measured_as_an_exact_search_would_find(handbook, index, engines, monkeypatch):
    monkeypatch.setattr(dimension_curve, "ROWS_AT_ONCE", 3)  # so that several blocks are put together
    shelf = shelve(index, {**TEXTS, **{f"more {n}": f"Another text, number {n}." for n in range(20)}})
    for title in TEXTS:
        keep(handbook, f"What about {title}?", shelf[title])
    run = done(handbook, reason=CURVE)
    assert run.state == "done", run.error
    assert list(run.results) == ["2", "4", "8"]
    for number, title in enumerate(TEXTS):
        for dimension in (2, 4, 8):
            expected = exact_rank(index, shelf, f"What about {title}?", title, dimension)
            assert run.answers[number]["ways"][str(dimension)]["ranks"] == [expected]


def exact_rank(index, shelf, question, title, dimension):
    pairs = [(chunk.pk, chunk.digest) for document in shelf.values() for chunk in document.listed]
    ids, vectors = of_chunks(index, pairs)
    order = np.argsort(-(shorten(vectors, dimension) @ shorten(vector_of(question)[None], dimension)[0]), kind="stable")
    rank = [ids[row] for row in order].index(shelf[title].listed[0].pk) + 1
    return rank if rank <= 10 else None


def test_only_the_questions_are_embedded_and_each_once(handbook, index, engines):
    shelf = shelve(index)
    keep(handbook, "Lunch?", shelf["lunch"])
    run = done(handbook, reason=CURVE)
    assert engines["embedded"] == ["Lunch?"]
    assert run.results["4"]["bytes"] == len(TEXTS) * 4 * 4
    assert run.progress == run.progress_total == 1 + len(TEXTS)


def test_the_dimension_in_use_and_the_full_one_are_among_those_that_are_measured(handbook):
    preset = make_preset(dimension=100)
    index = Index(knowledge_base=handbook, preset=preset, dimension=50)
    assert dimensions_of(index) == [32, 50, 64, 100]


def test_an_index_without_vectors_says_so(handbook, index, engines):
    from tests.search.library import add_document

    keep(handbook, "Lunch?", add_document(index, "No vector yet."))
    run = done(handbook, reason=CURVE)
    assert "embedded yet" in run.error


@pytest.fixture
def filled(handbook, index, engines, open_engine, settings):
    """A shelf whose vectors are in the store of a name, too; twenty questions."""

    def fill(engine):
        store = open_engine(engine)
        settings.KB_VECTOR_STORE = engine
        shelf = shelve(index, {**TEXTS, **{f"more {n}": f"Another text, number {n}." for n in range(30)}})
        ids, vectors = of_chunks(index, [(c.pk, c.digest) for one in shelf.values() for c in one.listed])
        store.add(index.collection, ids, vectors)
        for title in TEXTS:
            keep(handbook, f"What about {title}?", shelf[title])
        return store

    return fill


@pytest.mark.parametrize("engine", ["faiss", "chroma"])
def test_the_store_is_asked_at_every_dimension_and_left_as_it_was(handbook, index, filled, engine):
    store = filled(engine)
    run = done(handbook, reason=CURVE)
    assert run.state == "done", run.error
    found = {dimension: result["store"] for dimension, result in run.results.items()}
    assert {one["engine"] for one in found.values()} == {engine}
    assert [found[dimension]["in_use"] for dimension in ("2", "4", "8")] == [False, False, True]
    assert all(one["p50"] > 0 and one["agreement"] > 0.9 for one in found.values())
    assert list(store.collections()) == [index.collection]


def test_what_the_store_does_not_find_is_seen(handbook, index, filled):
    store = filled("faiss")
    store.remove(index.collection, list(store.ids(index.collection))[:17])
    run = done(handbook, reason=CURVE)
    assert run.results["8"]["store"]["agreement"] < 0.8 < run.results["4"]["store"]["agreement"]


def test_of_many_vectors_only_the_collection_in_use_is_asked(handbook, index, filled, monkeypatch):
    filled("faiss")
    monkeypatch.setattr("search.evaluation.stored_curve.MOST_ROWS", 10)
    run = done(handbook, reason=CURVE)
    assert [dimension for dimension, result in run.results.items() if "store" in result] == ["8"]
    assert pages.store_of(run) == "faiss"
    assert "exact search" in pages.curve(run)["right"]["name"]


def test_a_store_that_is_away_leaves_the_exact_figures(handbook, index, filled, settings):
    filled("faiss")
    settings.KB_VECTOR_STORE, settings.KB_CHROMA_URL = "chroma", "http://127.0.0.1:1"
    run = done(handbook, reason=CURVE)
    assert run.state == "done"
    assert pages.store_of(run) == ""


def test_the_page_says_what_was_measured_by_which(client, alice, handbook, index, filled):
    filled("faiss")
    run = done(handbook, reason=CURVE)
    client.force_login(alice)
    shown = client.get(reverse("evaluation_run", args=[handbook.pk, run.pk])).text
    assert "faiss: the vector store is asked" in shown
    assert "Exact search: all vectors are compared" in shown
    assert "milliseconds a question, faiss" in shown
