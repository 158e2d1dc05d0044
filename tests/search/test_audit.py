"""Whatever is lost from the derived indexes comes back from the database, and nothing is embedded for it."""

import shutil
from importlib import import_module

import pytest
from django.apps import apps

from kb.models import Chunk, KnowledgeBase
from search.checking import audit
from search.keywords import KeywordError, open_keywords
from search.models import Index, Installation
from search.place import place, take_out
from search.retrieve import WORDS_LACKING, retrieve
from search.stores import open_store
from tests.search.library import add_document, direction, make_index

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def index(chroma, settings, tmp_path):
    settings.KB_DATA = tmp_path
    settings.KB_VECTOR_STORE = "chroma"
    (tmp_path / "keywords").mkdir()
    index = make_index(KnowledgeBase.objects.create(name="Handbook"))
    for number in range(12):
        document = add_document(index, f"apple {number}", f"pear {number}", title=f"Fruit {number}",
                                vectors=[direction(1, number), direction(-1, number)])  # fmt: skip
        index.indexed_documents.filter(document=document).delete()
        place(index, [document])
    return index


def nearest(index) -> list[int]:
    index.refresh_from_db()
    return [n.chunk_id for n in open_store().nearest(index.collection, direction(1, 3), 5)]


def test_an_index_that_holds_everything_is_right(index):
    assert audit.is_right(open_store(), index)


def test_a_lost_collection_is_noticed_and_rebuilt_under_a_new_name(index):
    before, old = nearest(index), index.collection
    open_store().drop(old)
    audit.mend_indexes()
    index.refresh_from_db()
    assert index.store_ready
    assert index.collection != old
    assert nearest(index) == before


def test_missing_vectors_are_noticed_by_their_number(index):
    open_store().remove(index.collection, list(Chunk.objects.values_list("pk", flat=True)[:1]))
    assert not audit.is_right(open_store(), index)


def test_vectors_that_are_counted_but_not_found_are_noticed(index, monkeypatch):
    monkeypatch.setattr(audit, "SAMPLE", 100)
    store = open_store()
    chunks = list(Chunk.objects.values_list("pk", flat=True))
    store.add(index.collection, [pk + 10_000 for pk in chunks], _wrong_vectors(len(chunks)))
    store.remove(index.collection, chunks)
    assert store.count(index.collection) == len(chunks)
    assert not audit.is_right(store, index)


def _wrong_vectors(count: int):
    import numpy as np

    return np.stack([direction(0, 0, 0, 1, number) for number in range(count)])


def test_while_chroma_is_away_the_rebuild_waits_and_then_happens(index, chroma):
    before = nearest(index)
    chroma.stop()
    audit.mend_indexes()
    index.refresh_from_db()
    assert not index.store_ready
    chroma.start()
    audit.mend_indexes()
    assert nearest(index) == before


def test_lost_words_are_added_again(index):
    keywords = open_keywords()
    before = {hit.chunk_id for hit in keywords.best("apple", indexes=[index.pk], limit=50)}
    keywords.remove(index.pk, list(before)[:5])
    audit.mend_indexes()
    assert {hit.chunk_id for hit in open_keywords().best("apple", indexes=[index.pk], limit=50)} == before


def test_while_words_are_added_again_it_is_said(index, settings, monkeypatch):
    """As after an upgrade from a Lectern that kept the words of all indexes in one."""
    monkeypatch.setattr("search.lane.embed_query", lambda *_: direction(1))
    shutil.rmtree(settings.KB_DATA / "keywords")
    Index.objects.update(words_ready=False)
    asked = {"knowledge_bases": [index.knowledge_base], "mode": "hybrid"}
    assert retrieve("apple", **asked).notes == (str(WORDS_LACKING["hybrid"]),)
    assert retrieve("apple", **asked).passages
    assert retrieve("apple", **asked | {"mode": "vector"}).notes == ()
    audit.mend_indexes()
    assert retrieve("apple", **asked).notes == ()
    assert open_keywords().count(index.pk) == 24


def test_an_upgrade_has_the_words_of_all_used_indexes_put_in_again_and_names_the_installation(index):
    retired = make_index(KnowledgeBase.objects.create(name="Other"))
    Index.objects.filter(pk=retired.pk).update(state=Index.State.RETIRED)
    Installation.objects.all().delete()
    import_module("search.migrations.0013_words_ready_and_installation").begin(apps, None)
    assert dict(Index.objects.values_list("pk", "words_ready")) == {index.pk: False, retired.pk: True}
    assert len(Installation.objects.get(pk=1).name) == 10


def test_words_that_cannot_be_added_now_are_added_later_and_others_are_not_held_up(index, monkeypatch):
    other = make_index(KnowledgeBase.objects.create(name="Other"))
    add_document(other, "plum", vectors=[direction(1)])
    keywords, add = type(open_keywords()), type(open_keywords()).add
    open_keywords().remove_index(index.pk)

    def full(self, entries):
        raise KeywordError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(keywords, "add", lambda self, entries: full(self, entries) if entries[1:] else add(self, entries))
        audit.mend_indexes()
    ready = dict(Index.objects.values_list("pk", "words_ready"))
    assert ready == {index.pk: False, other.pk: True}
    audit.mend_indexes()
    assert open_keywords().count(index.pk) == 24
    assert not Index.objects.filter(words_ready=False).exists()


def test_what_was_taken_out_is_found_by_neither_leg(index):
    gone = nearest(index)[:2]
    take_out([index], gone)
    assert not set(gone) & set(nearest(index))
    assert open_keywords().missing(index.pk, gone) == set(gone)


def test_a_retired_index_is_not_looked_at(index):
    open_store().drop(index.collection)
    Index.objects.update(state=Index.State.RETIRED)
    audit.mend_indexes()
    index.refresh_from_db()
    assert index.store_ready


def test_a_sweep_checks_those_that_were_not_checked_for_longest(index, monkeypatch):
    monkeypatch.setattr(audit, "A_SWEEP", 1)
    other = make_index(KnowledgeBase.objects.create(name="Other"))
    audit.mend_indexes()
    audit.mend_indexes()
    assert not Index.objects.filter(pk__in=[index.pk, other.pk], audited_at=None).exists()
