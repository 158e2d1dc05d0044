"""What every vector store promises, asked of each of them."""

import numpy as np
import pytest

from kb.models import KnowledgeBase
from search.models import Index
from search.stores import StoreError, open_store
from tests.search.library import (
    DIMENSION,
    add_document,
    clustered,
    direction,
    found,
    make_index,
    make_preset,
    put,
    recall,
)  # fmt: skip

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(params=["chroma", "exact", "faiss", "milvus"])
def store(request, open_engine):
    return open_engine(request.param)


@pytest.fixture(params=["chroma", "faiss", "milvus"])
def kept(request, open_engine):
    """A store that keeps what it is given, where exact search looks into the database."""
    return open_engine(request.param)


@pytest.fixture
def index(db):
    return make_index(KnowledgeBase.objects.create(name="Handbook"))


def test_the_nearest_comes_first(store, index):
    far, near, middle = put(store, index, direction(-1), direction(1), direction(1, 1))
    assert found(store, index, direction(1, 0.1)) == [near, middle, far]


def test_similarity_is_the_cosine(store, index):
    put(store, index, direction(1), direction(1, 1), direction(0, 1), direction(-1))
    similarities = [n.similarity for n in store.nearest(index.collection, direction(1), 10)]
    assert similarities == pytest.approx([1, 0.5**0.5, 0, -1], abs=1e-5)


def test_no_more_than_asked_for(store, index):
    put(store, index, *(direction(1, n) for n in range(1, 8)))
    assert len(found(store, index, direction(1), limit=3)) == 3
    assert len(found(store, index, direction(1), limit=100)) == 7


def test_the_same_vector_twice_is_found_twice(store, index):
    ids = put(store, index, direction(1)) + put(store, index, direction(1))
    assert found(store, index, direction(1)) == sorted(ids)


def test_an_unknown_collection_is_an_error(store, index):
    with pytest.raises(StoreError):
        store.nearest("index-999999-1", direction(1), 5)


def test_removing_what_is_not_there_is_no_error(store, index):
    store.remove(index.collection, [1, 2, 3])
    put(store, index, direction(1))
    store.remove(index.collection, [10**12])
    store.drop("index-999999-1")


def test_missing_names_the_chunks_that_cannot_be_read_back(store, index):
    ids = put(store, index, direction(1), direction(0, 1))
    assert store.missing(index.collection, [*ids, 10**12]) == {10**12}
    assert store.missing(index.collection, []) == set()


def test_more_than_a_page_is_kept_and_read_back(store, index):
    random = np.random.default_rng(1).normal(size=(1200, DIMENSION)).astype(np.float32)
    ids = put(store, index, *(random / np.linalg.norm(random, axis=1, keepdims=True)))
    assert store.count(index.collection) == 1200
    assert store.missing(index.collection, ids) == set()


def test_a_vector_of_another_dimension_is_an_error(store, index):
    put(store, index, direction(1))
    with pytest.raises(StoreError):
        store.nearest(index.collection, direction(1, dimension=DIMENSION + 1), 5)


def test_a_shorter_dimension_ranks_by_the_first_numbers(store, db):
    index = make_index(KnowledgeBase.objects.create(name="Short"), preset=make_preset(), dimension=2)
    right, wrong = put(store, index, direction(1, 0, 5), direction(0.2, 1, 0.1))
    neighbours = store.nearest(index.collection, direction(1, dimension=2), 5)
    assert [n.chunk_id for n in neighbours] == [right, wrong]
    assert neighbours[0].similarity == pytest.approx(1, abs=1e-5)


def test_every_collection_is_named(store, index):
    put(store, index, direction(1))
    assert index.collection in list(store.collections())


def test_indexes_do_not_see_each_other(store, index):
    other = make_index(KnowledgeBase.objects.create(name="Other"))
    (mine,), (theirs,) = put(store, index, direction(1)), put(store, other, direction(1, 0.01))
    assert found(store, index, direction(1)) == [mine]
    assert found(store, other, direction(1)) == [theirs]


def test_every_id_is_listed(store, index):
    ids = put(store, index, *(direction(1, n) for n in range(1, 1200)))
    assert sorted(store.ids(index.collection)) == sorted(ids)


def test_vectors_are_read_back_as_they_are_kept(store, index):
    rows = [direction(1, n) for n in range(1, 1200)]
    ids = put(store, index, *rows)
    asked = [*ids[5:1100], 10**12]
    found, kept = store.vectors(index.collection, asked)
    assert sorted(found) == ids[5:1100]
    assert kept.dtype == np.float32
    order = np.argsort(found)
    assert kept[order] == pytest.approx(np.stack(rows[5:1100]), abs=1e-6)
    assert store.vectors(index.collection, [])[0] == []


def test_of_no_collection_no_vectors_are_read(kept):
    assert kept.vectors("index-999999-1", [1])[0] == []


def test_vectors_that_were_replaced_or_removed_are_read_as_they_are_now(kept, index):
    first, second = put(kept, index, direction(1), direction(0, 1))
    kept.add(index.collection, [first], direction(0, 0, 1)[None])
    kept.remove(index.collection, [second])
    found, rows = kept.vectors(index.collection, [first, second])
    assert (found, rows[0].tolist()) == ([first], pytest.approx(direction(0, 0, 1)))


def test_a_collection_says_its_dimension(store, index):
    put(store, index, direction(1))
    assert store.dimension(index.collection) == DIMENSION


def test_clustered_vectors_are_found_as_exact_search_finds_them(kept):
    """Recall among the ten nearest; texts about the same things lie close together, which is hard for graphs."""
    vectors = clustered(3000)
    for start in range(0, 3000, 1000):
        kept.add("index-1-1", range(start, start + 1000), vectors[start : start + 1000])
    assert recall(kept, "index-1-1", vectors) >= 0.95


def test_what_is_added_again_is_replaced(kept, index):
    first, second = put(kept, index, direction(1), direction(0, 1))
    kept.add(index.collection, [first], direction(0, 0, 1)[None])
    assert found(kept, index, direction(0, 0, 1))[0] == first
    assert kept.count(index.collection) == 2
    assert kept.nearest(index.collection, direction(1), 1)[0].similarity == pytest.approx(0, abs=1e-5)
    assert set(kept.ids(index.collection)) == {first, second}


def test_what_is_removed_is_found_no_more(kept, index):
    first, second = put(kept, index, direction(1), direction(0, 1))
    kept.remove(index.collection, [first])
    assert found(kept, index, direction(1)) == [second]
    assert kept.missing(index.collection, [first, second]) == {first}
    assert list(kept.ids(index.collection)) == [second]


def test_what_was_removed_is_found_when_it_is_added_again(kept, index):
    (only,) = put(kept, index, direction(1))
    kept.remove(index.collection, [only])
    kept.add(index.collection, [only], direction(1)[None])
    assert found(kept, index, direction(1)) == [only]


def test_a_dropped_collection_is_gone_and_may_come_again(kept, index):
    put(kept, index, direction(1))
    kept.drop(index.collection)
    assert kept.count(index.collection) == 0
    assert list(kept.ids(index.collection)) == []
    assert kept.dimension(index.collection) is None
    assert index.collection not in list(kept.collections())
    with pytest.raises(StoreError):
        kept.nearest(index.collection, direction(1), 5)
    kept.add(index.collection, [7], direction(1, dimension=4)[None])
    assert kept.dimension(index.collection) == 4


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_vector_that_is_no_number_is_refused(kept, index, number):
    with pytest.raises(StoreError):
        kept.add(index.collection, [1], np.full((1, DIMENSION), number, np.float32))


def test_nothing_is_asked_with_a_vector_that_is_no_number(kept, index):
    put(kept, index, direction(1))
    with pytest.raises(StoreError):
        kept.nearest(index.collection, np.full(DIMENSION, np.nan, np.float32), 5)


def test_vectors_of_another_dimension_are_refused(kept, index):
    put(kept, index, direction(1))
    with pytest.raises(StoreError):
        kept.add(index.collection, [10**9], direction(1, dimension=DIMENSION + 1)[None])


def test_ids_and_vectors_must_be_as_many(kept, index):
    with pytest.raises(StoreError):
        kept.add(index.collection, [1, 2], direction(1)[None])


def test_exact_search_forgets_a_deleted_document(index):
    store = open_store("exact")
    gone = add_document(index, "a", vectors=[direction(1)])
    kept = add_document(index, "b", vectors=[direction(1, 1)])
    assert found(store, index, direction(1)) == [gone.listed[0].pk, kept.listed[0].pk]
    gone.deleted_at = gone.created_at
    gone.save()
    assert found(store, index, direction(1)) == [kept.listed[0].pk]


def test_exact_search_sees_only_the_chunks_of_its_own_cut(index):
    store = open_store("exact")
    add_document(index, "a", vectors=[direction(1)])
    Index.objects.filter(pk=index.pk).update(state=Index.State.RETIRED)
    other_cut = make_index(index.knowledge_base, preset=make_preset(DIMENSION * 2))
    assert found(store, other_cut, direction(1, dimension=DIMENSION * 2)) == []
