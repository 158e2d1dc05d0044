"""Finding passages: the right ones, for those who may read them, whatever engine is away."""

import pytest
from django.utils import timezone

from kb.access import readable_by
from kb.models import KnowledgeBase, Membership, Role
from search.embedders import EmbeddingError
from search.keywords import Entry, KeywordError, open_keywords
from search.models import Index, SearchSettings
from search.retrieve import retrieve
from search.settings.tuning import Tuning
from search.stores import Neighbour, StoreError
from tests.search.library import add_document, direction, make_index

pytestmark = pytest.mark.django_db

QUESTION = direction(1)


@pytest.fixture(autouse=True)
def data_folder(settings, tmp_path):
    """An own keyword index for each test; vectors are found exactly."""
    settings.KB_DATA, settings.KB_VECTOR_STORE = tmp_path, "exact"


@pytest.fixture(autouse=True)
def lane(monkeypatch):
    """A query lane where every question points the same way."""
    monkeypatch.setattr("search.lane.embed_query", lambda preset, text, instruction=None: QUESTION, raising=False)


@pytest.fixture
def index(handbook):
    return make_index(handbook)


@pytest.fixture
def secret(charlie):
    """Charlie's own knowledge base."""
    knowledge_base = KnowledgeBase.objects.create(name="Secret", created_by=charlie)
    Membership.objects.create(knowledge_base=knowledge_base, user=charlie, role=Role.MANAGER)
    return make_index(knowledge_base)


def add(index, *texts, vectors=(), **options):
    """A document in the database and in the keyword index."""
    document = add_document(index, *texts, vectors=vectors or [direction(0, 1)] * len(texts), **options)
    open_keywords().add(
        Entry(chunk.pk, document.pk, index.pk, document.title, " ".join(chunk.heading_path), chunk.text)
        for chunk in document.listed
    )
    return document


def titles(found):
    return [passage.title for passage in found.passages]


def ask(user, question="vacation days", **options):
    return retrieve(question, knowledge_bases=readable_by(user), **options)


def test_a_passage_that_both_ways_find_is_before_those_that_one_finds(alice, index):
    add(index, "vacation days are counted", title="words")
    add(index, "time away from work", vectors=[direction(1)], title="meaning")
    add(index, "thirty vacation days", vectors=[direction(1, 0.1)], title="both")
    found = ask(alice)
    assert titles(found)[0] == "both"
    assert set(titles(found)) == {"words", "meaning", "both"}
    assert set(found.passages[0].ranks) == {"vector", "keyword"}
    assert found.passages[0].similarity == pytest.approx(0.995, abs=1e-3)


def test_each_way_can_be_asked_alone(alice, index):
    add(index, "vacation days are counted", title="words")
    add(index, "time away from work", vectors=[direction(1)], title="meaning")
    assert titles(ask(alice, mode="keyword")) == ["words"]
    assert titles(ask(alice, mode="vector"))[0] == "meaning"
    assert ask(alice, mode="keyword").passages[0].ranks == {"keyword": 1}


def test_an_unknown_mode_is_refused(alice):
    with pytest.raises(ValueError, match="telepathy"):
        ask(alice, mode="telepathy")


@pytest.mark.parametrize("question", ["", "   ", "\n"])
def test_an_empty_question_finds_nothing(alice, index, question):
    add(index, "vacation")
    assert ask(alice, question).passages == ()


def test_no_knowledge_base_and_an_empty_one_find_nothing(alice, handbook):
    assert retrieve("vacation", knowledge_bases=[]).passages == ()
    assert retrieve("vacation", knowledge_bases=[handbook]).passages == ()


def test_bob_finds_what_alice_shared(bob, index):
    add(index, "vacation days", title="shared")
    assert titles(ask(bob)) == ["shared"]


def test_charlie_finds_nothing_of_alices(charlie, index, secret):
    add(index, "vacation days", vectors=[direction(1)], title="Alice's")
    add(secret, "vacation days", vectors=[direction(1)], title="Charlie's")
    assert titles(ask(charlie)) == ["Charlie's"]


def test_charlie_finds_nothing_of_alices_even_where_the_engines_return_it(charlie, index, secret, monkeypatch):
    alices = add(index, "vacation days", vectors=[direction(1)], title="Alice's").listed[0]
    add(secret, "vacation days", vectors=[direction(1)], title="Charlie's")
    leak = [Neighbour(alices.pk, 1.0)]
    monkeypatch.setattr("search.stores.exact.ExactStore.nearest", lambda *_: leak)
    monkeypatch.setattr("search.keywords.tantivy.TantivyIndex.best", lambda *_, **__: [])
    assert ask(charlie).passages == ()


def test_alice_finds_nothing_of_bobs_after_she_was_taken_off_the_list(alice, handbook, index):
    add(index, "vacation days")
    Membership.objects.filter(user=alice).delete()
    assert ask(alice).passages == ()


def test_a_deleted_document_is_gone_at_once(alice, index):
    kept, gone = add(index, "vacation days", title="kept"), add(index, "vacation days", title="gone")
    gone.deleted_at = timezone.now()
    gone.save()
    assert titles(ask(alice)) == [kept.title]


def test_a_deleted_knowledge_base_is_gone_at_once(alice, handbook, index):
    add(index, "vacation days")
    KnowledgeBase.objects.filter(pk=handbook.pk).update(deleted_at=timezone.now())
    assert retrieve("vacation", knowledge_bases=[handbook]).passages == ()


def test_a_document_is_found_only_when_it_is_whole(alice, index):
    document = add(index, "vacation days")
    document.indexed_in.all().delete()
    assert ask(alice).passages == ()


def test_what_lies_behind_many_deleted_passages_is_found(alice, index):
    gone = add(index, *(f"vacation days {n}" for n in range(30)), vectors=[direction(1)] * 30)
    add(index, "vacation days of the rest of us, in longer words", vectors=[direction(1, 1)], title="kept")
    gone.deleted_at = timezone.now()
    gone.save()
    assert titles(ask(alice, limit=1, tuning=Tuning(candidates=10))) == ["kept"]


def test_only_the_serving_index_answers(alice, index):
    add(index, "vacation days")
    Index.objects.filter(pk=index.pk).update(state=Index.State.BUILDING)
    assert ask(alice).passages == ()


def test_when_the_embedding_model_is_away_words_are_compared_and_the_reader_is_told(alice, index, monkeypatch):
    def away(*_):
        raise EmbeddingError("The embed worker does not answer.")

    monkeypatch.setattr("search.lane.embed_query", away)
    add(index, "vacation days", title="words")
    found = ask(alice)
    assert titles(found) == ["words"]
    assert "only words" in found.notes[0]
    assert ask(alice, mode="vector").passages == ()
    assert "by meaning" in ask(alice, mode="vector").notes[0]


def test_when_the_keyword_index_is_away_meanings_are_compared_and_the_reader_is_told(alice, index, monkeypatch):
    def away(*_, **__):
        raise KeywordError("It is damaged.")

    monkeypatch.setattr("search.keywords.tantivy.TantivyIndex.best", away)
    add(index, "time away from work", vectors=[direction(1)], title="meaning")
    found = ask(alice)
    assert titles(found) == ["meaning"]
    assert "only meanings" in found.notes[0]
    assert "by words" in ask(alice, mode="keyword").notes[0]


def test_when_the_vector_store_is_away_the_answer_is_the_same(alice, index, settings, monkeypatch):
    for number in range(6):
        add(index, f"text {number}", vectors=[direction(1, number)], title=str(number))
    exact = ask(alice, mode="vector")
    settings.KB_VECTOR_STORE = "chroma"
    monkeypatch.setattr("search.stores.chroma.ChromaStore.nearest", _not_there)
    assert titles(ask(alice, mode="vector")) == titles(exact) == ["0", "1", "2", "3", "4", "5"]
    assert ask(alice, mode="vector").notes == ()


def test_a_suspended_index_is_not_asked_of_the_store(alice, index, settings, monkeypatch):
    add(index, "a", vectors=[direction(1)], title="found")
    settings.KB_VECTOR_STORE = "chroma"
    monkeypatch.setattr("search.stores.chroma.ChromaStore.nearest", _wrong)
    Index.objects.filter(pk=index.pk).update(store_ready=False)
    assert titles(ask(alice, mode="vector")) == ["found"]


@pytest.mark.integration
def test_chroma_answers_as_exact_search_does_and_its_absence_is_not_felt(alice, index, secret, chroma, settings):
    from search.stores import open_store

    settings.KB_VECTOR_STORE = "chroma"
    Membership.objects.create(knowledge_base=secret.knowledge_base, user=alice, role=Role.VIEWER)
    for number in range(4):
        for one in (index, secret):
            vector = direction(1, number + one.pk / 100)
            document = add(one, f"text {number} of {one.pk}", vectors=[vector], title=f"{number} of {one.pk}")
            open_store().add(one.collection, [document.listed[0].pk], vector[None])
    with_chroma = titles(ask(alice, mode="vector"))
    settings.KB_CHROMA_URL = "http://127.0.0.1:9"
    assert titles(ask(alice, mode="vector")) == with_chroma
    assert len(with_chroma) == 8


def test_neighbouring_passages_come_as_one(alice, index):
    add(index, "The first part of vacation.", "The second part of vacation.", "Far off.", "Vacation again.")
    found = ask(alice, "vacation", mode="keyword")
    assert [passage.text for passage in found.passages] == [
        "Vacation again.",
        "The first part of vacation.\n\nThe second part of vacation.",
    ]


def test_no_document_fills_the_list(alice, index):
    texts = [text for n in range(8) for text in ("vacation days", f"something else {n}")]
    add(index, *texts, title="long")
    add(index, "one word of vacation among many other words that are of no use to anybody here", title="short")
    assert "short" in titles(ask(alice, mode="keyword", limit=4))


def test_the_same_question_has_the_same_answer(alice, index):
    for number in range(12):
        add(index, "vacation days", vectors=[direction(1)], title=f"twin {number}")
    assert titles(ask(alice)) == titles(ask(alice))


def test_the_number_of_queries_does_not_grow(alice, index, secret, django_assert_num_queries):
    Membership.objects.create(knowledge_base=secret.knowledge_base, user=alice, role=Role.VIEWER)
    for number in range(10):
        add(index, f"vacation days {number}", heading_path=("Leave", str(number)))
        add(secret, f"vacation days {number}")
    scope = list(readable_by(alice))
    with django_assert_num_queries(3):
        retrieve("vacation", knowledge_bases=scope, mode="keyword")


def test_a_very_long_question_is_searched_all_the_same(alice, index):
    add(index, "vacation days", title="found")
    assert titles(ask(alice, "vacation " * 20_000)) == ["found"]


def test_how_long_each_step_took_is_told(alice, index):
    add(index, "vacation days")
    found = ask(alice)
    assert set(found.steps) == {"vector", "keyword", "database"}
    assert found.milliseconds == pytest.approx(sum(found.steps.values()))


def test_each_knowledge_base_is_searched_as_its_own_settings_say(alice, handbook, index, secret):
    """By itself the meaning counts nothing in the handbook; in the other knowledge base it is all that counts."""
    Membership.objects.create(knowledge_base=secret.knowledge_base, user=alice, role=Role.VIEWER)
    SearchSettings.objects.create(knowledge_base=handbook, vector_weight=0.0)
    SearchSettings.objects.create(knowledge_base=secret.knowledge_base, vector_weight=1.0)
    add(index, "time away from work", vectors=[direction(1)], title="meaning, handbook")
    add(secret, "weeks away from the office", vectors=[direction(1, 0.01)], title="meaning, secret")
    add(index, "vacation days", title="words, handbook")
    found = ask(alice)
    scores = {passage.title: passage.score for passage in found.passages}
    assert scores["meaning, handbook"] == 0.0
    assert scores["meaning, secret"] > 0.4
    assert scores["words, handbook"] == pytest.approx(1.0)


def test_a_given_tuning_counts_instead_of_the_settings(alice, handbook, index):
    SearchSettings.objects.create(knowledge_base=handbook, vector_weight=0.0)
    add(index, "time away from work", vectors=[direction(1)], title="meaning")
    add(index, "vacation days", title="words")
    assert min(passage.score for passage in ask(alice, tuning=Tuning(vector_weight=1.0)).passages) > 0.4


def test_scores_of_different_constants_stand_in_one_list(alice, handbook, index, secret):
    Membership.objects.create(knowledge_base=secret.knowledge_base, user=alice, role=Role.VIEWER)
    SearchSettings.objects.create(knowledge_base=secret.knowledge_base, rank_constant=1000)
    add(secret, "vacation days", vectors=[direction(1)], title="best")
    add(index, "vacation of other people, who have more to say of it", title="second")
    assert titles(ask(alice)) == ["best", "second"]


def test_an_index_that_does_not_serve_yet_can_be_asked(alice, handbook, index, secret):
    add(index, "vacation days", title="old")
    Index.objects.filter(pk=index.pk).update(state=Index.State.PREVIOUS)
    add(make_index(handbook), "vacation days", title="new")
    add(secret, "vacation days", title="Charlie's")
    assert titles(ask(alice)) == ["new"]
    assert titles(ask(alice, indexes=[index])) == ["old"]
    assert ask(alice, indexes=[secret]).passages == ()
    assert ask(alice, indexes=[]).passages == ()


def _not_there(*_):
    raise StoreError("Chroma does not answer.")


def _wrong(*_):
    raise AssertionError("The store was asked though the index is suspended.")
