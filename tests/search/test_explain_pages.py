"""Why a passage was found, on the search page and in the API: for those who manage where it was found."""

import pytest
from django.test import Client

from kb.models import ApiKey, KnowledgeBase, Membership, Role
from search.keywords import Entry, open_keywords
from search.retrieve import retrieve
from tests.search.library import add_document, direction, make_index

pytestmark = pytest.mark.django_db

COPY = "vacation days are counted from January on"


@pytest.fixture(autouse=True)
def engines(settings, tmp_path, monkeypatch):
    settings.KB_DATA, settings.KB_VECTOR_STORE = tmp_path, "exact"
    monkeypatch.setattr("search.lane.embed_query", lambda preset, text, instruction=None: direction(1))


@pytest.fixture
def documents(handbook):
    index = make_index(handbook)
    return [
        add(index, COPY, title="Leave"),
        add(index, COPY, title="Leave, printed"),
        add(index, "weeks of rest", "nothing else", title="Rest"),
    ]


def add(index, *texts, title):
    document = add_document(index, *texts, vectors=[direction(1, number) for number in range(len(texts))], title=title)
    open_keywords().add(
        Entry(chunk.pk, document.pk, index.pk, document.title, "", chunk.text) for chunk in document.listed
    )
    return document


def page(client, user, **asked):
    client.force_login(user)
    return client.get("/search", {"q": "vacation days", **asked}).content.decode()


def test_a_manager_reads_why_a_passage_is_here_and_what_became_of_the_others(client, alice, documents):
    text = page(client, alice, top_k=1)
    assert "Why is it here?" in text
    assert "by words #1 (BM25" in text
    assert "by meaning #1 (cosine 1.000)" in text
    assert "fused score" in text
    assert "other passages were looked at" in text
    assert "below what is shown" in text
    assert "Leave says the same" in text


def test_a_reader_is_not_told_how_but_where_else_it_stands(client, bob, documents):
    text = page(client, bob)
    assert "Why is it here?" not in text
    assert "looked at" not in text
    assert "also in" in text
    assert "Leave, printed" in text
    assert f"/documents/{documents[1].pk}" in text


def test_nobody_reads_of_candidates_in_knowledge_bases_that_others_manage(client, alice, bob, documents):
    own = KnowledgeBase.objects.create(name="Bob's", created_by=bob)
    Membership.objects.create(knowledge_base=own, user=bob, role=Role.MANAGER)
    add(make_index(own), "vacation for Bob", "a remark", title="Mine")
    text = page(client, bob, top_k=1, kb=[str(own.pk), str(documents[0].knowledge_base_id)])
    others = text.partition("looked at")[2]
    assert "Mine" in text
    assert "Rest" not in others


def test_the_api_explains_on_request(alice, handbook, documents):
    client = Client(headers={"x-api-key": ApiKey.issue(alice, "test")[1]})
    asked = {"query": "vacation days", "top_k": 1}

    def answered(**more):
        return client.post("/api/v1/search", {**asked, **more}, content_type="application/json").json()

    assert answered()["candidates"] is None
    explained = answered(explain=True)
    found = retrieve("vacation days", knowledge_bases=[handbook], limit=1)
    assert [one["chunk"] for one in explained["candidates"]] == [one.chunk_id for one in found.candidates]
    shown = [one["chunk"] for one in explained["candidates"] if one["fate"] == "shown"]
    assert shown == [one["chunk"] for one in explained["passages"]]
    assert explained["passages"][0]["also_in"][0]["title"] == "Leave, printed"
    assert explained["candidates"][0]["shares"]["keyword"] > 0
