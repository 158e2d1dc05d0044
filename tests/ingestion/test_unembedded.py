"""Vectors that the database lost are made again, and an index that lacks some is not built for ever."""

import numpy as np
import pytest

from ingestion import build, embed
from ingestion.tend import start_generations
from kb.models import Chunk, Document
from search.checking import audit
from search.generations.current import lacking
from search.generations.switch import roll_back
from search.models import Index, IndexedDocument, SearchSettings, Vector
from search.place import take_out
from search.retrieve import retrieve
from search.stores import open_store
from search.vectors import encode
from tests.engines import DIMENSION
from tests.ingestion.generations import State, ask_for, fill, index_of, preset, send, work

Status = Document.Status


@pytest.fixture(autouse=True)
def in_files(embedder, settings):
    settings.KB_VECTOR_STORE = "faiss"


def lose(index: Index, document: Document) -> None:
    """The collection, and one of the document's vectors out of the database."""
    chunk = document.chunks.filter(chunking=index.chunking_id).first()
    Vector.objects.filter(preset=index.preset, digest=chunk.digest).delete()
    open_store().drop(index.collection)


def sweep(times: int = 1) -> None:
    for _ in range(times):
        audit.mend_indexes()


def is_whole(index: Index) -> bool:
    index.refresh_from_db()
    chunks = Chunk.objects.filter(chunking=index.chunking, document__indexed_in__index=index)
    ids = list(chunks.values_list("pk", flat=True))
    return index.store_ready and audit.expected(index) == len(ids) and not open_store().missing(index.collection, ids)


def test_the_serving_index_is_built_without_them_and_its_documents_are_queued(handbook):
    lost, kept = fill(handbook, range(2))
    index = Index.objects.get()
    lose(index, lost)
    sweep()
    index.refresh_from_db()
    lost.refresh_from_db()
    kept.refresh_from_db()
    assert (index.store_ready, lost.status, kept.status) == (True, Status.QUEUED, Status.READY)
    assert open_store().count(index.collection) == audit.expected(index) == Chunk.objects.count() - 1
    epoch = index.epoch
    sweep(3)
    index.refresh_from_db()
    assert (index.epoch, index.store_ready) == (epoch, True)
    assert "report-0" in {
        one.title for one in retrieve("entry 0-1", knowledge_bases=[handbook], mode="keyword").passages
    }


def test_what_was_queued_is_whole_again_after_it_was_embedded(handbook, embedder):
    lost, _ = fill(handbook, range(2))
    index = Index.objects.get()
    lose(index, lost)
    sweep()
    embedded = len(embedder.embedded)
    embed.embed_missing()
    lost.refresh_from_db()
    assert (lost.status, len(embedder.embedded) - embedded) == (Status.READY, 1)
    assert is_whole(index)


def test_a_document_that_failed_does_not_hold_up_its_index(handbook):
    lost, _ = fill(handbook, range(2))
    index = Index.objects.get()
    Document.objects.filter(pk=lost.pk).update(status=Status.FAILED, error="The model refuses this text.")
    lose(index, lost)
    sweep()
    index.refresh_from_db()
    epoch = index.epoch
    sweep(2)
    index.refresh_from_db()
    lost.refresh_from_db()
    assert (index.store_ready, index.epoch, lost.status) == (True, epoch, Status.FAILED)


@pytest.mark.parametrize("data", [np.full(DIMENSION, np.nan), np.zeros(DIMENSION), np.ones(3)])
def test_what_is_kept_and_is_no_vector_is_made_again(handbook, data):
    lost, _ = fill(handbook, range(2))
    index = Index.objects.get()
    Vector.objects.filter(digest=lost.chunks.first().digest).update(data=encode(data))
    open_store().drop(index.collection)
    sweep(2)
    embed.embed_missing()
    assert is_whole(index)


def built(handbook) -> Index:
    ask_for(handbook, preset=preset("other"), switch=SearchSettings.Switch.BY_HAND)
    start_generations()
    embed.embed_missing()
    return index_of(handbook, State.BUILT)


def test_an_index_that_is_built_gets_them_again_as_it_got_the_others(handbook, embedder):
    lost, _kept = fill(handbook, range(2))
    index = built(handbook)
    lose(index, lost)
    sweep(2)
    assert list(lacking(index)) == [lost]
    lost.refresh_from_db()
    index.refresh_from_db()
    assert (lost.status, index.store_ready, index.state) == (Status.READY, True, State.BUILT)
    embedded = len(embedder.embedded)
    embed.embed_missing()
    assert len(embedder.embedded) == embedded + 1
    assert not lacking(index).exists()
    assert is_whole(index)


def test_the_previous_index_is_built_without_them_says_so_and_gets_them_when_it_is_gone_back_to(handbook, embedder):
    lost, kept = fill(handbook, range(2))
    ask_for(handbook, preset=preset("other"))
    work()
    index, embedded = index_of(handbook, State.PREVIOUS), len(embedder.embedded)
    lose(index, lost)
    sweep()
    index.refresh_from_db()
    epoch = index.epoch
    sweep(3)
    embed.embed_missing()
    index.refresh_from_db()
    assert (index.epoch, index.store_ready, len(embedder.embedded)) == (epoch, True, embedded)
    assert "they are made again when you go back to it" in index.note
    assert list(index.indexed_documents.values_list("document", flat=True)) == [kept.pk]
    roll_back(handbook)
    work()
    assert len(embedder.embedded) == embedded + 1
    assert is_whole(index)
    assert index.note == ""


def test_two_that_rebuild_do_not_begin_each_others_work_anew(handbook, monkeypatch):
    fill(handbook, range(2))
    index = Index.objects.get()
    add = audit.add_to_store

    def beside(store, of, pairs):
        audit.rebuild(store, Index.objects.get())
        return add(store, of, pairs)

    monkeypatch.setattr(audit, "add_to_store", beside)
    audit.rebuild(open_store(), index)
    index.refresh_from_db()
    assert (index.epoch, index.store_ready) == (2, True)
    assert is_whole(index)


def test_a_step_asks_no_more_for_many_documents_than_for_few(handbook, embedder, django_assert_max_num_queries):
    fill(handbook, range(20))
    take_out([Index.objects.get()], list(Chunk.objects.values_list("pk", flat=True)))
    index = built(handbook)
    IndexedDocument.objects.filter(index=index).delete()
    documents = list(lacking(index))
    assert (len(documents), index.preset.name) == (20, "other")
    with django_assert_max_num_queries(3):
        seen, missing = build._gather(index, documents)
        whole = build._whole(index, seen)
    assert (seen, missing, whole) == (documents, [], documents)


def test_what_documents_miss_is_gathered_up_to_a_round(handbook, embedder, monkeypatch):
    documents = sorted((send(handbook, number, words=40) for number in range(6)), key=lambda one: one.pk)
    index = Index.objects.get()
    each = [one.chunks.count() for one in documents]
    monkeypatch.setattr(build, "TOGETHER", 2)
    build.pace_of(index.preset).chunks = each[0] + each[1] + 1
    seen, missing = build._gather(index, documents)
    assert (seen, len(missing)) == (documents[:4], each[0] + each[1] + 1)
    assert build._whole(index, documents) == []
