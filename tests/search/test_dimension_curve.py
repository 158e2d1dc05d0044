"""The curve of dimensions: exact, from the stored vectors, with nothing embedded but the questions."""

import numpy as np
import pytest

from search import dimension_curve
from search.dimension_curve import dimensions_of
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
