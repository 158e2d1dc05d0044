"""A server that others use, too: nobody sees, overwrites or drops what another keeps there."""

import httpx
import pytest

from kb.models import KnowledgeBase
from search.checking import audit
from search.checking.check import check_part, parts
from search.identity import identity
from search.keywords.milvus import MilvusWords
from search.models import Installation
from search.place import place
from search.stores import open_store
from search.stores.chroma import DATABASE, server
from tests.search.library import add_document, direction, found, make_index
from tests.search.test_keywords import entry, ids

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(params=["chroma", "milvus"])
def engine(request, open_engine, settings, tmp_path):
    open_engine(request.param)
    settings.KB_VECTOR_STORE = request.param
    for folder in ("keywords", "files", "pages"):
        (tmp_path / folder).mkdir()
    return request.param


@pytest.fixture
def index(engine):
    return filled(make_index(KnowledgeBase.objects.create(name="Handbook")))


@pytest.fixture
def as_another(monkeypatch):
    """Gives an engine as another Lectern opens it."""

    def opened(open_it):
        with monkeypatch.context() as patch:
            for module in ("stores.chroma", "stores.milvus", "keywords.milvus"):
                patch.setattr(f"search.{module}.identity", lambda: "0123456789")
            return open_it()

    return opened


def filled(index):
    document = add_document(index, "apple", "pear", vectors=[direction(1), direction(0, 1)])
    index.indexed_documents.all().delete()
    place(index, [document])
    return index


class Beside:
    """Somebody else at the same Chroma server, who sees all that is there."""

    def __init__(self, url):
        self.client = httpx.Client(base_url=url + DATABASE)

    def names(self):
        return {one["name"] for one in self.client.get("/collections").json()}

    def make(self, name):
        self.client.post("/collections", json={"name": name}).raise_for_status()

    def rename_as_before(self, store, index):
        """To what a Lectern called its collection before it had a name of its own."""
        described = self.client.get(f"/collections/{store.prefix}{index.collection}").json()
        new = {"new_name": index.collection}
        self.client.put(f"/collections/{described['id']}", json=new).raise_for_status()
        server().ids.clear()


@pytest.fixture
def beside(chroma):
    other = Beside(chroma.url)
    yield other
    for name in other.names():
        other.client.delete(f"/collections/{name}")
    other.client.close()


def repair():
    return [(one.where, one.kind) for part in parts(None, None) for one in check_part(part, repair=True)]


def test_two_lecterns_keep_the_same_index_on_one_server(index, as_another):
    mine, theirs = open_store(), as_another(open_store)
    theirs.add(index.collection, [1, 2], -direction(1, dimension=4) * [[1], [1]])
    assert theirs.dimension(index.collection) == 4
    assert mine.dimension(index.collection) == 8
    assert len(found(mine, index, direction(1))) == 2
    assert list(mine.collections()) == list(theirs.collections()) == [index.collection]
    theirs.drop(index.collection)
    assert len(found(mine, index, direction(1))) == 2


def test_a_check_drops_what_is_ours_and_belongs_to_nothing_and_not_what_is_another_lecterns(index, as_another):
    open_store().add("index-999-1", [1], direction(1)[None])
    theirs = as_another(open_store)
    theirs.add("index-998-1", [1], direction(1)[None])
    assert ("vectors", "stray") in repair()
    assert list(open_store().collections()) == [index.collection]
    assert list(theirs.collections()) == ["index-998-1"]
    theirs.drop("index-998-1")


@pytest.mark.parametrize("engine", ["chroma"], indirect=True)
def test_a_check_leaves_the_collections_of_other_programs_alone(index, beside):
    others = {"somebody-elses", "index-1-1", f"lectern-{identity()}", f"lectern-{identity()}-notes"}
    for name in others:
        beside.make(name)
    assert ("vectors", "stray") not in repair()
    assert beside.names() == others | {open_store().prefix + index.collection}


def test_words_in_milvus_are_each_lecterns_own(milvus, as_another):
    mine, theirs = MilvusWords(), as_another(MilvusWords)
    mine.add([entry(1, "salary of Alice")])
    theirs.add([entry(2, "salary of Charlie"), entry(3, "pear", index_id=7)])
    assert ids(mine.best("salary", indexes=[1, 7], limit=5)) == [1]
    assert (mine.indexes(), theirs.indexes()) == ([1], [1, 7])
    mine.remove_index(1)
    assert ids(theirs.best("salary", indexes=[1], limit=5)) == [2]


@pytest.mark.parametrize("engine", ["chroma"], indirect=True)
def test_collections_of_an_older_lectern_get_their_names_on_our_own_server(index, beside, chroma, settings, tmp_path):
    settings.KB_CHROMA_URL = ""
    (tmp_path / "run" / "chroma.url").write_text(chroma.url)
    store = open_store()
    before = found(store, index, direction(1))
    beside.rename_as_before(store, index)
    assert beside.names() == {index.collection}
    assert found(store, index, direction(1)) == before
    assert beside.names() == {store.prefix + index.collection}
    beside.rename_as_before(store, index)
    store.add(index.collection, [10**6], direction(1)[None])
    assert store.count(index.collection) == 3
    beside.rename_as_before(store, index)
    store.drop(index.collection)
    assert beside.names() == set()


@pytest.mark.parametrize("engine", ["chroma"], indirect=True)
def test_on_a_server_of_others_they_are_built_anew_and_the_old_ones_left_alone(index, beside, monkeypatch):
    monkeypatch.setattr("search.embedders.loaded.open_embedder", None)
    before, old = found(open_store(), index, direction(1)), index.collection
    beside.rename_as_before(open_store(), index)
    audit.mend_indexes()
    index.refresh_from_db()
    assert index.store_ready
    assert found(open_store(), index, direction(1)) == before
    assert beside.names() == {old, open_store().prefix + index.collection}


def test_the_name_is_made_once():
    identity.cache_clear()
    first = identity()
    identity.cache_clear()
    assert identity() == first == Installation.objects.get().name
    assert len(first) == 10 and first.isalnum()
