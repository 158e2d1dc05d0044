"""Documents as wholes: which a question is about, who sees them, and how they are shown."""

import pytest
from django.urls import reverse
from django.utils import timezone

from kb.models import ApiKey, KnowledgeBase, Membership
from search.about import about
from search.embedders import EmbeddingError
from search.models import DocumentVector, Message
from search.route import documents_about
from search.vectors import encode
from tests.search.library import add_document, direction, make_index, make_preset

QUESTION = "What may a hotel cost?"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def engines(settings, tmp_path, monkeypatch):
    """Exact search, an empty keyword index, and a model for which every question points the same way."""
    settings.KB_VECTOR_STORE, settings.KB_DATA = "exact", tmp_path
    (tmp_path / "keywords").mkdir()
    monkeypatch.setattr(
        "search.lane.embed_query", lambda preset, text, instruction=None: direction(1, dimension=preset.dimension)
    )


def add(index, title, *numbers, text="Hotels may cost up to 140 EUR a night.", **fields):
    """A document of one passage whose whole text points where its passage does."""
    vector = direction(*numbers, dimension=index.preset.dimension)
    document = add_document(index, text, title=title, vectors=[vector])
    DocumentVector.objects.create(
        preset=index.preset, document=document, digest="d", data=encode(vector), tokens=9, tokens_read=9
    )
    type(document).objects.filter(pk=document.pk).update(**fields)
    return document


@pytest.fixture
def index(handbook):
    return make_index(handbook)


def titles(found):
    return [one.document.title for one in found]


def test_the_nearest_documents_come_first(index):
    far, near = add(index, "Far", 1, 2), add(index, "Near", 3, 1)
    hits = documents_about(QUESTION, [index], 10)
    assert [(hit.document_id, hit.rank) for hit in hits] == [(near.pk, 1), (far.pk, 2)]
    assert hits[0].similarity == pytest.approx(3 / 10**0.5)
    assert len(documents_about(QUESTION, [index], 1)) == 1


def test_of_no_documents_none_are_near(index):
    assert documents_about(QUESTION, [index], 10) == []
    assert documents_about(QUESTION, [], 10) == []


def test_what_comes_changes_and_goes_is_noticed(index):
    document = add(index, "One", 1)
    assert len(documents_about(QUESTION, [index], 10)) == 1
    add(index, "Two", 1, 1)
    assert len(documents_about(QUESTION, [index], 10)) == 2
    DocumentVector.objects.filter(document=document).update(data=encode(direction(0, 1)), created_at=timezone.now())
    assert documents_about(QUESTION, [index], 10)[-1].document_id == document.pk
    type(document).objects.filter(pk=document.pk).update(deleted_at=timezone.now())
    assert document.pk not in {hit.document_id for hit in documents_about(QUESTION, [index], 10)}


def test_documents_are_compared_at_the_dimension_of_their_index(handbook):
    index = make_index(handbook, dimension=2)
    add(index, "Points elsewhere only beyond the cut", 1, 0, 9)
    (hit,) = documents_about(QUESTION, [index], 10)
    assert hit.similarity == pytest.approx(1)


def test_two_models_take_turns(index, alice):
    other = make_index(KnowledgeBase.objects.create(name="Other"), preset=make_preset(4))
    for number in range(3):
        add(index, f"8 {number}", 1, number)
        add(other, f"4 {number}", 1, 5 + number)
    found = [hit.document_id for hit in documents_about(QUESTION, [index, other], 4)]
    bases = [DocumentVector.objects.get(document=pk).document.knowledge_base_id for pk in found]
    assert sorted(map(str, bases[:2])) == sorted(map(str, (index.knowledge_base_id, other.knowledge_base_id)))
    assert bases.count(index.knowledge_base_id) == 2


def test_a_document_says_by_which_passages_it_is_about_the_question(index):
    document = add_document(
        index, "Trains are booked early.", "Hotels may cost 140 EUR.", title="Policy",
        vectors=[direction(0, 1), direction(1)],
    )  # fmt: skip
    DocumentVector.objects.create(
        preset=index.preset, document=document, digest="d", data=encode(direction(1, 1)), tokens=9, tokens_read=9
    )
    (found,) = about(QUESTION, knowledge_bases=[index.knowledge_base])
    assert [passage.text for passage in found.reasons] == ["Hotels may cost 140 EUR.", "Trains are booked early."]
    assert found.similarity == pytest.approx(0.5**0.5)


def test_documents_far_behind_the_first_are_not_named(index):
    add(index, "Near", 1)
    add(index, "Far", 1, 3)
    assert titles(about(QUESTION, knowledge_bases=[index.knowledge_base])) == ["Near"]


def test_superseded_versions_come_last(index):
    old, new = add(index, "Policy 2019", 1), add(index, "Policy 2024", 1, 0.2)
    type(old).objects.filter(pk=old.pk).update(superseded_by=new)
    assert titles(about(QUESTION, knowledge_bases=[index.knowledge_base])) == ["Policy 2024", "Policy 2019"]


def test_without_the_embedding_model_no_documents_are_named(index, monkeypatch):
    add(index, "Near", 1)

    def away(*arguments):
        raise EmbeddingError("away")

    monkeypatch.setattr("search.lane.embed_query", away)
    assert about(QUESTION, knowledge_bases=[index.knowledge_base]) == []


def search_page(client, **query):
    return client.get(reverse("search"), {"q": QUESTION, **query}).content.decode()


def test_the_search_page_names_the_documents_but_not_for_words_alone(client, bob, index):
    add(index, "Travel policy", 1)
    client.force_login(bob)
    assert "Documents about this" in search_page(client)
    assert "Documents about this" not in search_page(client, mode="keyword")
    assert "Documents about this" not in client.get(reverse("search")).content.decode()


def test_charlie_is_shown_no_document_of_alices(client, charlie, index):
    add(index, "Travel policy", 1)
    mine = KnowledgeBase.objects.create(name="Mine")
    Membership.objects.create(knowledge_base=mine, user=charlie, role="manager")
    add(make_index(mine), "My own notes", 1)
    client.force_login(charlie)
    shown = search_page(client)
    assert "My own notes" in shown
    assert "Travel policy" not in shown


def test_beside_an_answer_they_are_shown_when_asked_for(client, bob, charlie, index):
    document = add(index, "Travel policy", 1)
    client.force_login(bob)
    client.post(reverse("ask"), {"question": QUESTION}, follow=True)
    address = reverse("message_documents", args=[Message.objects.get().pk])
    page = client.get(address).content.decode()
    assert "Travel policy" in page and "<html" in page
    fragment = client.get(address, headers=HTMX).content.decode()
    assert reverse("document", args=[document.pk]) in fragment and "<html" not in fragment
    Membership.objects.filter(user=bob).delete()  # what he may no longer read is not shown
    assert "Travel policy" not in client.get(address).content.decode()
    client.force_login(charlie)
    assert client.get(address).status_code == 404


def test_the_api_names_documents_where_it_is_asked_to(client, bob, index):
    document = add(index, "Travel policy", 1)
    headers = {"Authorization": f"Bearer {ApiKey.issue(bob, 'test')[1]}"}
    for name, body in (("search", {"query": QUESTION}), ("answer", {"question": QUESTION})):
        address = f"/api/v1/{name}"
        none = client.post(address, body, "application/json", headers=headers).json()
        assert none["documents"] == []
        asked = client.post(address, {**body, "documents": 3}, "application/json", headers=headers).json()
        assert [one["document"] for one in asked["documents"]] == [str(document.pk)]
        assert asked["documents"][0]["passages"][0]["text"].startswith("Hotels")
