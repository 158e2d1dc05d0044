"""Faults in the derived indexes are found, and put right from what the database has; nothing is embedded for it."""

import hashlib
import os
import shutil
import time

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from kb.files import path_of
from kb.models import Chunk, Document, KnowledgeBase
from search.checking import check as checking
from search.checking import faulty_vectors, repair
from search.checking.audit import mend_indexes, rebuild
from search.checking.check import check_part, parts
from search.checking.faults import Fault
from search.keywords import Entry, KeywordError, open_keywords
from search.models import Index, Vector
from search.place import place
from search.stores import StoreError, open_store
from search.vectors import encode
from tests.search.library import add_document, direction, make_index

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(params=["chroma", "faiss"])
def index(request, open_engine, settings, tmp_path, monkeypatch):
    """An index without a fault, with its originals. To embed anything is an error."""
    open_engine(request.param)
    settings.KB_VECTOR_STORE = request.param
    for folder in ("keywords", "files", "pages"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr("search.embedders.loaded.open_embedder", None)
    index = make_index(KnowledgeBase.objects.create(name="Handbook"))
    for number in range(8):
        filled(index, number)
    return index


def filled(index, number):
    document = add_document(index, f"apple {number}", f"pear {number}", title=f"Fruit {number}",
                            vectors=[direction(1, number), direction(-1, number)])  # fmt: skip
    index.indexed_documents.filter(document=document).delete()
    place(index, [document])
    content = f"file {number}".encode()
    document.sha256 = hashlib.sha256(content).hexdigest()
    document.save()
    path_of(document.sha256).parent.mkdir(parents=True, exist_ok=True)
    path_of(document.sha256).write_bytes(content)
    return document


def chunk_ids(index):
    return list(Chunk.objects.filter(chunking=index.chunking).order_by("pk").values_list("pk", flat=True))


def check(*, repair=False, base=None, sample=None):
    """{(where, kind): (found, repaired)}"""
    findings = [one for part in parts(base, sample) for one in check_part(part, repair=repair)]
    return {(one.where, one.kind): (one.count, one.repaired) for one in findings}


def test_an_index_without_a_fault_has_none(index):
    assert check() == {}


def test_a_vector_that_was_removed_by_hand_is_found_and_put_back(index):
    gone = chunk_ids(index)[3]
    open_store().remove(index.collection, [gone])
    assert check() == {("vectors", "missing"): (1, 0)}
    assert check(repair=True) == {("vectors", "missing"): (1, 1)}
    assert check() == {}
    digest = Chunk.objects.get(pk=gone).digest
    vector = np.frombuffer(Vector.objects.get(digest=digest).data, "<f4")
    assert gone in [one.chunk_id for one in open_store().nearest(index.collection, vector, 3)]


def test_all_vectors_of_a_lost_collection_are_put_back(index):
    open_store().drop(index.collection)
    assert check() == {("vectors", "missing"): (16, 0)}
    assert check(repair=True) == {("vectors", "missing"): (16, 16)}


def test_a_word_entry_that_was_removed_is_put_back(index):
    gone = chunk_ids(index)[:2]
    open_keywords().remove(index.pk, gone)
    assert check(repair=True) == {("words", "missing"): (2, 2)}
    assert open_keywords().missing(index.pk, gone) == set()


def test_orphans_are_removed(index):
    open_store().add(index.collection, [10**9], direction(0, 0, 1)[None])
    first = Document.objects.first()
    open_keywords().add([Entry(10**9, first.pk, index.pk, "", "", "an orphan")])
    found = {("vectors", "orphaned"): (1, 1), ("words", "orphaned"): (1, 1)}
    assert check(repair=True) == found
    assert check() == {}
    assert open_keywords().best("orphan", indexes=[index.pk], limit=5) == []


def test_a_document_that_is_being_put_in_is_no_orphan(index):
    document = add_document(index, "just now", vectors=[direction(0, 1)])
    index.indexed_documents.filter(document=document).delete()
    open_store().add(index.collection, [document.listed[0].pk], direction(0, 1)[None])
    assert ("vectors", "orphaned") not in check()


def test_a_collection_of_another_dimension_is_built_anew(index):
    open_store().drop(index.collection)
    open_store().add(index.collection, chunk_ids(index), np.eye(16, 5, dtype=np.float32) + 0.1)
    assert check() == {("vectors", "wrong_dimension"): (1, 0)}
    assert check(repair=True) == {("vectors", "wrong_dimension"): (1, 1)}
    index.refresh_from_db()
    assert (index.store_ready, open_store().dimension(index.collection)) == (True, 8)


def test_other_vectors_than_the_databases_are_found_by_reading_them_back(index):
    ids = chunk_ids(index)
    open_store().add(index.collection, ids, np.stack([direction(0, 0, 0, 1, n) for n in range(len(ids))]))
    assert check() == {("vectors", "wrong"): (16, 0)}
    assert check(sample=4)["vectors", "wrong"] == (4, 0)
    assert check(repair=True) == {("vectors", "wrong"): (16, 16)}
    assert check() == {}


@pytest.mark.parametrize("spoilt", [direction(1, 1, 3.3), 3 * direction(1, 1, 3)])
def test_a_vector_that_is_nearly_right_is_found_too(index, spoilt):
    (right, *_) = pks = [chunk.pk for chunk in Chunk.objects.filter(chunking=index.chunking).order_by("pk")[:2]]
    Vector.objects.filter(digest=Chunk.objects.get(pk=right).digest).update(data=encode(direction(1, 1, 3)))
    open_store().add(index.collection, pks[:1], direction(1, 1, 3)[None])
    assert check() == {}
    open_store().add(index.collection, pks[:1], spoilt[None])
    assert check() == {("vectors", "wrong"): (1, 0)}


def test_numbers_of_16_bits_are_no_fault(index):
    ids = chunk_ids(index)
    _, rows = open_store().vectors(index.collection, ids)
    halves = rows.astype(np.float16).astype(np.float32)
    assert not np.array_equal(rows, halves)
    open_store().add(index.collection, ids, halves)
    assert check() == {}


def test_more_vectors_are_compared_where_there_are_more_passages(index, monkeypatch):
    store, read = type(open_store()), []
    vectors_of = store.vectors
    monkeypatch.setattr(faulty_vectors, "COMPARED", 0.5)
    monkeypatch.setattr(store, "vectors", lambda *to: read.extend(to[2]) or vectors_of(*to))
    for sample, number in ((0, 0), (2, 8), (10, 10), (None, 16)):
        read.clear()
        check(sample=sample)
        assert len(set(read)) == number


def test_vectors_that_lie_there_and_are_not_found_are_unfindable(index, monkeypatch):
    lost, store = chunk_ids(index)[3], type(open_store())
    nearest, epoch = store.nearest, index.epoch

    def without(self, collection, vector, limit):
        found = nearest(self, collection, vector, limit)
        return [one for one in found if one.chunk_id != lost or not collection.endswith(f"-{epoch}")]

    monkeypatch.setattr(store, "nearest", without)
    assert check() == {("vectors", "unfindable"): (1, 0)}
    assert check(repair=True) == {("vectors", "unfindable"): (1, 1)}


def test_a_text_without_a_vector_is_handed_to_the_embed_worker(index):
    chunk = Chunk.objects.get(pk=chunk_ids(index)[0])
    Vector.objects.filter(digest=chunk.digest).delete()
    assert check(repair=True)["database", "unembedded"] == (1, 0)
    chunk.document.refresh_from_db()
    assert (chunk.document.status, chunk.document.stage) == (Document.Status.QUEUED, Document.Stage.EMBEDDING)


@pytest.mark.parametrize(
    ("data", "kind"),
    [(direction(1, dimension=4), "wrong_length"), (np.full(8, np.nan), "not_a_vector"), (np.zeros(8), "not_a_vector")],
)
def test_a_stored_vector_that_is_none_is_forgotten_and_made_again(index, data, kind):
    chunk = Chunk.objects.get(pk=chunk_ids(index)[0])
    Vector.objects.filter(digest=chunk.digest).update(data=np.asarray(data, "<f4").tobytes())
    assert check()["database", kind] == (1, 0)
    check(repair=True)
    assert not Vector.objects.filter(digest=chunk.digest).exists()
    chunk.document.refresh_from_db()
    assert chunk.document.status == Document.Status.QUEUED


def test_a_miscounted_document_is_counted_again(index):
    index.indexed_documents.filter(document=Document.objects.first()).update(chunks=7)
    assert check(repair=True) == {("database", "miscounted"): (1, 1)}
    assert check() == {}


def test_vectors_of_texts_that_are_gone_are_forgotten(index):
    kept = set(Vector.objects.values_list("pk", flat=True))
    for number in range(3):
        data = encode(direction(1, number))
        Vector.objects.create(preset=index.preset, digest=f"{number:064x}", data=data, tokens_read=1)
    assert check() == {("database", "orphaned"): (3, 0)}
    assert check(base=index.knowledge_base) == {}
    assert check(repair=True) == {("database", "orphaned"): (3, 3)}
    assert set(Vector.objects.values_list("pk", flat=True)) == kept


def test_an_index_that_retires_during_a_check_has_no_faults(index, monkeypatch):
    def retired(contents, *_):
        Index.objects.update(state=Index.State.RETIRED)
        open_store().drop(index.collection)
        return in_store(contents, *_)

    in_store = checking.in_store
    monkeypatch.setattr(checking, "in_store", retired)
    assert ("vectors", "missing") not in check(repair=True)
    assert index.collection not in list(open_store().collections())


def test_an_index_that_is_built_anew_during_a_check_is_looked_at_again(index, monkeypatch):
    def rebuilt(contents, *_):
        monkeypatch.setattr(checking, "in_store", in_store)
        rebuild(open_store(), Index.objects.get())
        return in_store(contents, *_)

    in_store = checking.in_store
    monkeypatch.setattr(checking, "in_store", rebuilt)
    assert check() == {}


def test_what_belongs_to_nothing_is_deleted(index, settings):
    open_store().add("index-999-1", [1], direction(1)[None])
    open_keywords().add([Entry(1, Document.objects.first().pk, 999, "", "", "stray")])
    pages = settings.KB_DATA / "pages"
    for name, age in (("stray", 7200), ("fresh", 0), (Document.objects.first().sha256, 7200)):
        (pages / name).mkdir()
        os.utime(pages / name, (time.time() - age,) * 2)
    found = {("vectors", "stray"): (1, 1), ("words", "stray"): (1, 1), ("files", "stray"): (1, 1)}
    assert check(repair=True) == found
    assert "index-999-1" not in list(open_store().collections())
    assert index.collection in list(open_store().collections())
    assert sorted(path.name for path in pages.iterdir()) == sorted(["fresh", Document.objects.first().sha256])


def test_originals_that_are_missing_or_damaged_are_named_and_stay_faults(index):
    lost, damaged = Document.objects.order_by("pk")[:2]
    path_of(lost.sha256).unlink()
    path_of(damaged.sha256).write_bytes(b"something else")
    found = {("files", "missing"): (1, 0), ("files", "damaged"): (1, 0)}
    assert check(repair=True) == found


def test_an_index_that_is_being_rebuilt_is_said_and_repairing_does_it(index):
    Index.objects.update(store_ready=False)
    assert check() == {("vectors", "rebuilding"): (1, 0)}
    assert check(repair=True) == {("vectors", "rebuilding"): (1, 1)}


def test_engines_that_do_not_answer_are_faults(index, monkeypatch):
    def away(*_):
        raise StoreError("Away.")

    def silent(*_):
        raise KeywordError("Away.")

    with monkeypatch.context() as patch:
        patch.setattr(type(open_store()), "dimension", away)
        patch.setattr(type(open_store()), "collections", away)
        patch.setattr(type(open_keywords()), "ids", silent)
        assert check(repair=True) == {("vectors", "away"): (1, 0), ("words", "away"): (1, 0)}


def test_one_knowledge_base_is_checked_alone(index):
    other = make_index(KnowledgeBase.objects.create(name="Other"))
    filled(other, 100)
    open_store().remove(other.collection, chunk_ids(other))
    assert check(base=index.knowledge_base) == {}
    assert check(base=other.knowledge_base) == {("vectors", "missing"): (2, 0)}


def test_several_faults_of_a_collection_build_it_anew_once(index, monkeypatch):
    rebuilt: list[int] = []
    monkeypatch.setattr(repair, "rebuild", lambda store, index: rebuilt.append(index.pk) or rebuild(store, index))
    mender = repair.Repair(open_store(), open_keywords())
    for kind in ("wrong", "unfindable", "duplicated"):
        mender.mend(Fault("vectors", kind, (1,), index))
    assert rebuilt == [index.pk]


def test_a_store_that_answers_nonsense_while_it_is_built_anew_is_asked_again(index, monkeypatch):
    def dropped(contents, *_):
        monkeypatch.setattr(checking, "in_store", in_store)
        rebuild(open_store(), Index.objects.get())
        raise StoreError("Chroma refuses (412): missing metadata segment")

    in_store = checking.in_store
    monkeypatch.setattr(checking, "in_store", dropped)
    assert check() == {}


def test_faults_are_named_so_that_a_person_finds_them(index):
    ids = chunk_ids(index)
    open_store().remove(index.collection, ids[:1])
    open_store().add(index.collection, [10**9], direction(0, 0, 1)[None])
    index.indexed_documents.filter(document=Chunk.objects.get(pk=ids[2]).document).update(chunks=7)
    Document.objects.filter(pk=Chunk.objects.get(pk=ids[2]).document_id).update(name="fees.txt")
    path_of(Document.objects.get(name="fees.txt").sha256).unlink()
    findings = [one for part in parts(None, 5) for one in check_part(part, repair=False)]
    assert {one.kind: one.examples for one in findings if one.where in ("vectors", "database")} == {
        "missing": ("file.txt #1",), "orphaned": ("1000000000",), "miscounted": ("fees.txt",),
    }  # fmt: skip
    assert [one.examples for one in findings if one.where == "files"] == [("fees.txt (Handbook)",)]


def test_a_miscounted_document_is_no_reason_to_build_an_index_for_ever(index):
    index.indexed_documents.filter(document=Document.objects.first()).update(chunks=7)
    mend_indexes()
    epoch = Index.objects.get().epoch
    mend_indexes()
    assert (Index.objects.get().epoch, check()) == (epoch, {})


def test_the_command_ends_with_an_error_while_faults_remain(index, capsys):
    open_store().remove(index.collection, chunk_ids(index)[:2])
    with pytest.raises(CommandError, match=r"2 faults, 0 repaired, 2 remain\. Run again with --repair"):
        call_command("check_index")
    assert "Handbook" in capsys.readouterr().out
    call_command("check_index", "--repair", "--all")
    assert "2 faults, all repaired." in capsys.readouterr().out
    call_command("check_index", "--knowledge-base", "Handbook", "--sample", "3")
    assert "No faults." in capsys.readouterr().out


def test_a_lost_folder_of_words_is_filled_again(index, settings):
    shutil.rmtree(settings.KB_DATA / "keywords")
    assert check(repair=True) == {("words", "missing"): (16, 16)}
