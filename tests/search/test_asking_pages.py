"""Asking in the browser: the first page, the answer with its sources, and whose knowledge bases are asked."""

import pytest
from django.urls import reverse

from kb.models import Document, KnowledgeBase, Membership
from search.models import Citation, Conversation, Message
from tests.search.library import add_document, direction, make_index

HTMX = {"HX-Request": "true"}
HOTEL = "Hotels may cost up to 140 EUR a night."
QUESTION = "What may a hotel cost a night?"


@pytest.fixture(autouse=True)
def engines(settings, tmp_path, monkeypatch):
    """Exact search, an empty keyword index, and a model for which all questions are alike."""
    settings.KB_VECTOR_STORE, settings.KB_DATA = "exact", tmp_path
    (tmp_path / "keywords").mkdir()
    monkeypatch.setattr("search.lane.embed_query", lambda preset, text, instruction=None: direction(1))


@pytest.fixture
def policy(handbook):
    return add_document(make_index(handbook), HOTEL, title="Travel policy", vectors=[direction(1)])


@pytest.fixture
def secret(charlie):
    """A knowledge base of Charlie's alone."""
    base = KnowledgeBase.objects.create(name="Secret", created_by=charlie)
    Membership.objects.create(knowledge_base=base, user=charlie, role="manager")
    add_document(make_index(base), "Hotels may cost a million a night.", title="Secret", vectors=[direction(1)])
    return base


def asked(client, question: str = QUESTION, **more):
    return client.post(reverse("ask"), {"question": question, **more}, follow=True)


# --- the first page --------------------------------------------------------------------


def test_who_is_not_signed_in_is_sent_to_sign_in(client, alice):
    assert client.get("/").url.startswith("/login")
    assert client.post(reverse("ask"), {"question": "?"}).url.startswith("/login")


def test_who_has_no_knowledge_base_is_told_to_make_one(client, charlie):
    client.force_login(charlie)
    shown = client.get("/").content.decode()
    assert reverse("knowledge_base_create") in shown
    assert 'id="ask-form"' not in shown


def test_who_has_no_documents_is_told_to_add_some(client, alice, bob, handbook):
    client.force_login(alice)
    assert "Add documents to Handbook" in client.get("/").content.decode()
    client.force_login(bob)
    shown = client.get("/").content.decode()
    assert "Nobody has added documents" in shown
    assert "Add documents to" not in shown


def test_while_nothing_is_ready_the_page_says_so(client, alice, handbook, policy):
    Document.objects.update(status=Document.Status.RUNNING)
    client.force_login(alice)
    assert "1 document is still being worked on" in client.get("/").content.decode()


def test_the_scope_lists_what_the_person_may_read_and_no_more(client, alice, handbook, policy, secret):
    other = KnowledgeBase.objects.create(name="Products", open_to_everyone=True)
    client.force_login(alice)
    page = client.get(f"/?kb={other.pk}")
    assert {base.name for base in page.context["knowledge_bases"]} == {"Handbook", "Products"}
    assert f'value="{other.pk}" checked' in page.content.decode()
    assert "Secret" not in page.content.decode()


# --- a question and its answer -----------------------------------------------------------


def test_a_question_leads_to_its_answer_with_the_source_and_its_place(client, bob, policy):
    client.force_login(bob)
    page = asked(client)
    citation = Citation.objects.get()
    conversation = Conversation.objects.get(user=bob)
    assert page.redirect_chain[-1][0] == f"{conversation.get_absolute_url()}#message-{citation.message_id}"
    shown = page.content.decode()
    place = f'href="{policy.get_absolute_url()}?citation={citation.pk}#passage"'
    assert shown.count(place) == 2  # of the number, and of the source
    assert "found by meaning #1" in shown
    assert "<mark>" in shown
    assert conversation.title == QUESTION


def test_htmx_gets_the_new_turn_alone(client, alice, policy):
    conversation = Conversation.objects.create(user=alice, title="Hotels")
    client.force_login(alice)
    sent = {"question": QUESTION, "conversation": conversation.pk}
    turn = client.post(reverse("ask"), sent, headers=HTMX).content.decode()
    assert "<html" not in turn
    assert f'id="message-{Message.objects.get().pk}"' in turn


def test_htmx_is_led_to_the_page_of_a_new_conversation(client, alice, policy):
    client.force_login(alice)
    answer = client.post(reverse("ask"), {"question": QUESTION}, headers=HTMX)
    assert answer.headers["HX-Redirect"] == Conversation.objects.get().get_absolute_url()


def test_nothing_found_is_an_answer_too(client, alice, handbook):
    make_index(handbook)
    client.force_login(alice)
    assert "Nothing in your documents answers this." in asked(client).content.decode()


@pytest.mark.parametrize(
    ("sent", "sentence"), [({"question": "  "}, "Write a question first."), ({"question": "x" * 2001}, "at most 2000")]
)
def test_what_is_no_question_is_asked_for_again(client, alice, policy, sent, sentence):
    client.force_login(alice)
    page, fragment = client.post(reverse("ask"), sent), client.post(reverse("ask"), sent, headers=HTMX)
    assert (page.status_code, fragment.status_code) == (422, 422)
    assert sentence in page.content.decode()
    assert sentence in fragment.content.decode()
    assert not Conversation.objects.exists()


def test_only_what_the_person_may_read_is_asked(client, alice, policy, secret):
    client.force_login(alice)
    assert "a million" not in asked(client).content.decode()


def test_nobody_asks_a_knowledge_base_that_is_not_theirs_to_read(client, alice, policy, secret):
    client.force_login(alice)
    assert asked(client, kb=secret.pk).status_code == 404
    assert asked(client, kb="nonsense").status_code == 422
    assert not Conversation.objects.exists()


def test_nobody_asks_in_somebody_elses_conversation(client, alice, bob, policy):
    conversation = Conversation.objects.create(user=alice, title="Hotels")
    client.force_login(bob)
    assert asked(client, conversation=conversation.pk).status_code == 404
    assert not Message.objects.exists()


def test_a_conversation_stays_in_the_knowledge_bases_it_began_in(client, alice, handbook, policy):
    other = KnowledgeBase.objects.create(name="Products", open_to_everyone=True)
    add_document(make_index(other), "A hotel may cost nothing a night.", vectors=[direction(1)])
    client.force_login(alice)
    asked(client, kb=handbook.pk)
    conversation = Conversation.objects.get()
    asked(client, "And what may a hotel cost in capitals?", conversation=conversation.pk)
    assert set(Citation.objects.values_list("document__knowledge_base", flat=True)) == {handbook.pk}
    Membership.objects.filter(user=alice).delete()
    asked(client, conversation=conversation.pk)
    assert not conversation.messages.last().citations.exists()


def test_a_failure_leaves_no_empty_conversation_behind(client, alice, policy, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("search.views.answer_to", broken)
    client.force_login(alice)
    with pytest.raises(RuntimeError):
        asked(client)
    assert not Conversation.objects.exists()


def test_questions_are_shown_as_text(client, alice, policy):
    client.force_login(alice)
    assert "<script>alert" not in asked(client, "<script>alert(1)</script> hotel night cost?").content.decode()


def test_the_address_of_asking_leads_to_the_first_page(client, alice):
    client.force_login(alice)
    assert client.get(reverse("ask")).url == "/"


# --- the search page --------------------------------------------------------------------


def test_the_search_page_shows_passages_with_places_and_scores(client, bob, policy):
    client.force_login(bob)
    shown = client.get(reverse("search"), {"q": QUESTION}).content.decode()
    assert "Travel policy" in shown
    assert f"{policy.get_absolute_url()}?start=0&amp;end={len(HOTEL)}&amp;mark=" in shown
    assert "found by meaning #1" in shown
    assert "cosine 1.000" in shown


def test_the_three_ways_are_compared(client, bob, policy):
    client.force_login(bob)
    page = client.get(reverse("search"), {"q": QUESTION, "compare": "1"}, headers=HTMX)
    assert [found.mode for found in page.context["results"]] == ["hybrid", "vector", "keyword"]
    assert "<html" not in page.content.decode()


def test_a_search_stays_in_what_the_person_may_read(client, alice, policy, secret):
    client.force_login(alice)
    assert "a million" not in client.get(reverse("search"), {"q": QUESTION}).content.decode()
    assert client.get(reverse("search"), {"q": QUESTION, "kb": secret.pk}).status_code == 404


@pytest.mark.parametrize("query", [{}, {"q": " "}, {"q": "x", "top_k": "0"}, {"q": "x", "mode": "magic"}, {"kb": "x"}])
def test_a_search_that_makes_no_sense_still_shows_the_page(client, alice, policy, query):
    client.force_login(alice)
    page = client.get(reverse("search"), query)
    assert (page.status_code, page.context["results"]) == (200, [])


def test_as_many_passages_as_asked_for_are_shown(client, alice, handbook):
    index = make_index(handbook)
    for n in range(9):
        add_document(index, f"Hotel {n}.", vectors=[direction(1, n)])
    client.force_login(alice)
    found = client.get(reverse("search"), {"q": "hotel", "top_k": 3}).context["results"][0]
    assert len(found.passages) == 3
