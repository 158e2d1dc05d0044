"""Programs search and ask over the API, within what their person may read."""

import json

import pytest
from django.test import Client

from kb.models import ApiKey, KnowledgeBase
from search.keywords import open_keywords
from search.place import entry_of
from tests.search.library import add_document, make_index

TEXTS = ("Invoices are kept for ten years in the archive.", "Holidays are asked for two weeks ahead.")


@pytest.fixture
def indexed(handbook):
    """The handbook with two passages, findable by their words."""
    index = make_index(handbook)
    document = add_document(index, *TEXTS, title="House rules", heading_path=("Office", "Paper"))
    open_keywords().add([entry_of(index, chunk) for chunk in document.listed])
    yield document
    open_keywords().remove_index(index.pk)


def post(user, path: str, **body):
    client = Client(headers={"x-api-key": ApiKey.issue(user, "test")[1]})
    return client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")


def message(response) -> str:
    assert response.json()["error"]["code"] == "invalid"
    return response.json()["error"]["message"]


def test_bob_finds_a_passage_with_its_place(bob, handbook, indexed):
    found = post(bob, "search", query="invoices in the archive", mode="keyword", top_k=1).json()
    (passage,) = found["passages"]
    assert passage["text"].startswith(TEXTS[0])
    assert passage["document"] == str(indexed.pk)
    assert passage["knowledge_base"] == str(handbook.pk)
    assert (passage["title"], passage["heading"], passage["page"]) == ("House rules", "Office > Paper", None)
    assert passage["ranks"] == {"keyword": 1}
    assert (passage["start"], passage["end"]) == (0, len(passage["text"]))


def test_charlie_finds_nothing_of_it(charlie, indexed):
    assert post(charlie, "search", query="invoices in the archive", mode="keyword").json()["passages"] == []
    answer = post(charlie, "answer", question="How long are invoices kept?", mode="keyword").json()
    assert (answer["answered"], answer["citations"]) == (False, [])


def test_a_search_can_be_narrowed(bob, handbook, indexed):
    other = KnowledgeBase.objects.create(name="Other", open_to_everyone=True)
    for scope, found in (([str(handbook.pk)], 1), ([str(other.pk)], 0), ([], 1)):
        body = {"query": "invoices archive", "mode": "keyword", "knowledge_bases": scope}
        assert (len(post(bob, "search", **body).json()["passages"]) > 0) == bool(found)


def test_an_answer_comes_with_its_sources(bob, indexed):
    answer = post(bob, "answer", query="How long are invoices kept in the archive?", mode="keyword").json()
    assert answer["answered"]
    assert "ten years" in answer["answer"]
    cited = [each for each in answer["citations"] if each["is_cited"]]
    assert f"[{cited[0]['number']}]" in answer["answer"]
    assert cited[0]["document"] == str(indexed.pk)
    assert cited[0]["marks"]


def test_where_nothing_answers_the_closest_documents_are_named(bob, charlie, handbook, indexed):
    asked = {"question": "Which archive has the rings of Saturn through a telescope?", "mode": "keyword"}
    answer = post(bob, "answer", **asked).json()
    assert not answer["answered"]
    base = str(handbook.pk)
    assert answer["closest"] == [{"document": str(indexed.pk), "knowledge_base": base, "title": "House rules"}]
    assert post(charlie, "answer", **asked).json()["closest"] == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "query: "),
        ({"query": " "}, "query: "),
        ({"query": "a" * 2001}, "query: "),
        ({"query": "a", "top_k": 51}, "top_k: Input should be less than or equal to 50."),
        ({"query": "a", "top_k": 0}, "top_k: "),
        ({"query": "a", "mode": "psychic"}, "mode: "),
        ({"query": "a", "knowledge_bases": ["x"]}, "knowledge_bases.0: "),
        ({"query": "a", "k": 3}, "k: "),
    ],
)
def test_what_is_wrong_with_a_search_is_said(alice, body, said):
    response = post(alice, "search", **body)
    assert response.status_code == 422
    assert message(response).startswith(said)


def test_a_question_is_needed_for_an_answer(alice):
    assert message(post(alice, "answer", mode="keyword")).startswith("question: ")
