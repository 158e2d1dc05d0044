"""Vectors move into another store by a command, or by themselves; nothing is embedded for it."""

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from kb.models import KnowledgeBase
from kb.services import answers
from search import move
from search.checking import audit
from search.models import Vector
from search.nearest import nearest_chunks
from search.place import place
from search.stores import StoreError, open_store
from tests.search.library import add_document, direction, found, make_index

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def index(chroma, settings, tmp_path, monkeypatch):
    """An index in Chroma. To embed anything is an error."""
    settings.KB_DATA = tmp_path
    settings.KB_VECTOR_STORE = "chroma"
    for folder in ("keywords", "run", "log"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr("search.lane.embed_query", lambda *_: direction(1, 3))
    monkeypatch.setattr("search.embedders.loaded.open_embedder", None)
    return filled("Handbook")


def filled(name):
    index = make_index(KnowledgeBase.objects.create(name=name))
    for number in range(12):
        document = add_document(index, f"apple {name} {number}", f"pear {name} {number}", title=f"Fruit {number}",
                                vectors=[direction(1, number), direction(-1, number)])  # fmt: skip
        index.indexed_documents.filter(document=document).delete()
        place(index, [document])
    return index


@pytest.fixture
def said(capsys):
    return lambda: capsys.readouterr().out


def test_all_vectors_are_copied_and_what_to_set_is_said(index, settings, said):
    other, kept = filled("Other"), list(Vector.objects.order_by("pk").values_list("pk", flat=True))
    call_command("move_store", "--to", "faiss")
    assert "24 passages, 24 copied now" in (text := said())
    assert "Set KB_VECTOR_STORE=faiss" in text
    settings.KB_VECTOR_STORE = "faiss"
    for one in (index, other):
        assert audit.is_right(open_store(), one)
        asked = direction(1, 3)
        assert found(open_store("faiss"), one, asked, 5) == found(open_store("chroma"), one, asked, 5)
    assert list(Vector.objects.order_by("pk").values_list("pk", flat=True)) == kept


def test_a_second_run_copies_only_what_came_since(index, said):
    call_command("move_store", "--to", "faiss")
    late = add_document(index, "a late plum", vectors=[direction(0, 1)])
    assert "25 passages, 1 copied now" in (call_command("move_store", "--to", "faiss"), said())[1]
    assert open_store("faiss").missing(index.collection, [late.listed[0].pk]) == set()


def test_an_interrupted_run_goes_on_where_it_was(index, monkeypatch, said):
    other, put, calls = filled("Other"), move.add_to_store, []

    def once(*arguments):
        calls.append(1)
        if len(calls) > 1:
            raise StoreError("The disk is full.")
        return put(*arguments)

    monkeypatch.setattr(move, "add_to_store", once)
    with pytest.raises(CommandError, match=r"The disk is full\. What was copied stays"):
        call_command("move_store", "--to", "faiss")
    monkeypatch.setattr(move, "add_to_store", put)
    said()
    call_command("move_store", "--to", "faiss")
    assert "24 passages, 0 copied now" in (text := said())
    assert "24 passages, 24 copied now" in text
    assert open_store("faiss").count(other.collection) == 24


def test_a_copy_that_lost_something_is_not_called_done(index, monkeypatch):
    monkeypatch.setattr("search.stores.faiss.FaissStore.count", lambda *_: 20)
    with pytest.raises(CommandError, match="4 of 24 passages are missing"):
        call_command("move_store", "--to", "faiss")


def test_a_collection_of_another_dimension_makes_way(index):
    open_store("faiss").add(index.collection, [1], np.ones((1, 3), np.float32))
    call_command("move_store", "--to", "faiss")
    assert open_store("faiss").count(index.collection) == 24


def test_exact_search_needs_no_move(index):
    with pytest.raises(CommandError, match="set KB_VECTOR_STORE=exact"):
        call_command("move_store", "--to", "exact")


def test_the_command_starts_the_server_that_it_copies_into(index, settings, tmp_path, said):
    settings.KB_MILVUS_URI = ""
    call_command("move_store", "--to", "milvus")
    assert "24 passages, 24 copied now" in said()
    port = int((tmp_path / "run" / "milvus.url").read_text().rpartition(":")[2])
    assert not answers(("127.0.0.1", port))
    assert "24 passages, 0 copied now" in (call_command("move_store", "--to", "milvus"), said())[1]


def test_without_a_move_the_new_store_fills_itself_and_search_is_exact_meanwhile(index, settings):
    before = [one.chunk_id for one in nearest_chunks("fruit", [index], 5).neighbours]
    settings.KB_VECTOR_STORE = "faiss"
    assert [one.chunk_id for one in nearest_chunks("fruit", [index], 5).neighbours] == before
    audit.mend_indexes()
    index.refresh_from_db()
    assert index.store_ready
    assert found(open_store("faiss"), index, direction(1, 3), 5) == before
    assert open_store("faiss").count(index.collection) == 24
