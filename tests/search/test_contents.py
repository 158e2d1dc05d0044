"""What should be in an index is read in bounded pieces, by as many questions for many documents as for few."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from kb.models import Chunk, KnowledgeBase
from search.checking import audit, check, contents
from search.checking.contents import Contents, pieces
from search.models import IndexedDocument
from search.place import place
from search.stores import open_store
from tests.search.library import add_document, direction, make_index


@pytest.fixture
def index(db, settings, tmp_path):
    settings.KB_DATA, settings.KB_VECTOR_STORE = tmp_path, "faiss"
    for folder in ("keywords", "files", "pages", "run"):
        (tmp_path / folder).mkdir()
    return make_index(KnowledgeBase.objects.create(name="Handbook"))


def fill(index, numbers, chunks=2):
    documents = [
        add_document(
            index, *(f"text {number} {n}" for n in range(chunks)),
            vectors=[direction(1, number, n) for n in range(chunks)],
        )
        for number in numbers
    ]  # fmt: skip
    place(index, documents)
    return documents


def queries(act) -> int:
    with CaptureQueriesContext(connection) as captured:
        act()
    return len(captured)


def test_pieces_have_about_so_many_chunks_and_whole_documents(index):
    documents = fill(index, range(7), chunks=3)
    found = list(pieces(index, size=7))
    assert [len(piece.chunks) for piece in found] == [6, 6, 6, 3]
    assert {pk for piece in found for pk, *_ in piece.chunks} == {one.pk for each in documents for one in each.listed}
    assert {pk: n for piece in found for pk, n in piece.said.items()} == {each.pk: 3 for each in documents}
    assert list(pieces(index, after=found[1].last, size=7)) == found[2:]


def test_a_document_larger_than_a_piece_is_one(index):
    fill(index, [1], chunks=5)
    fill(index, [2, 3], chunks=1)
    assert [len(piece.chunks) for piece in pieces(index, size=2)] == [5, 2]


def test_many_pages_of_documents_are_read(index, monkeypatch):
    monkeypatch.setattr(contents, "PAGE", 2)
    fill(index, range(5))
    assert sum(len(piece.said) for piece in pieces(index)) == 5
    assert list(Contents(index).ids) == sorted(Chunk.objects.values_list("pk", flat=True))


def test_an_empty_index_has_no_pieces(index):
    assert list(pieces(index)) == []
    assert list(Contents(index).ids) == []


def test_what_was_deleted_is_not_missed(index):
    gone, kept = fill(index, [1, 2])
    gone.deleted_at = timezone.now()
    gone.save()
    assert list(Contents(index).ids) == [chunk.pk for chunk in kept.listed]
    assert Contents(index).still([gone.listed[0].pk, kept.listed[0].pk]) == [kept.listed[0].pk]
    assert Contents(index).gone([kept.listed[0].pk, 10**9]) == [10**9]


def test_pairs_are_chosen_among_the_ids(index):
    fill(index, range(4))
    ids = Contents(index).ids
    chosen = [pk for page in Contents(index).pairs(ids[:5], 3) for pk, _ in page]
    assert (len(set(chosen)), set(chosen) <= set(ids[:5].tolist())) == (3, True)
    assert sum(map(len, Contents(index).pairs(ids, None))) == 8
    assert list(Contents(index).pairs(ids, 0)) == []


def test_a_check_asks_no_more_for_many_documents_than_for_few(index):
    def whole_check():
        for part in check.parts(index.knowledge_base, 3):
            assert [one for one in check.check_part(part, repair=False) if one.where != "files"] == []

    fill(index, range(3))
    few = queries(whole_check)
    fill(index, range(3, 40))
    assert queries(whole_check) == few


def test_a_rebuild_asks_no_more_for_many_documents_than_for_few(index):
    def anew():
        index.refresh_from_db()
        audit.rebuild(open_store(), index)

    fill(index, range(3))
    few = queries(anew)
    fill(index, range(3, 40))
    assert queries(anew) == few
    assert open_store().count(index.collection) == 80


def test_what_is_put_in_again_during_a_rebuild_is_in_the_new_collection(index, monkeypatch):
    first, *_ = fill(index, range(3))
    add, late = audit.add_to_store, []

    def meanwhile(store, of, pairs):
        if not late:
            late.append(first)
            Chunk.objects.filter(document=first).delete()  # read anew: other chunks, the same document
            fresh = add_document(index, "another text", vectors=[direction(0, 1)])
            Chunk.objects.filter(document=fresh).update(document=first)
            IndexedDocument.objects.filter(document=fresh).delete()
            place(of, [first])
        return add(store, of, pairs)

    monkeypatch.setattr(audit, "add_to_store", meanwhile)
    audit.rebuild(open_store(), index)
    index.refresh_from_db()
    assert index.store_ready
    assert open_store().missing(index.collection, Contents(index).ids.tolist()) == set()
