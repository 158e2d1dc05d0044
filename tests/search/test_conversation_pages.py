"""Conversations: each person's own, with the sources that they may read now."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from kb.models import Membership
from search.models import Citation, Conversation, Message
from search.templatetags.conversations import recent_conversations
from tests.search.library import add_document, make_index

HTMX = {"HX-Request": "true"}
HOTEL = "Hotels may cost 140 EUR. Keep the ticket."


@pytest.fixture
def policy(handbook):
    return add_document(make_index(handbook), HOTEL, "Trains come first.", title="Travel policy")


@pytest.fixture
def talk(bob, policy):
    """Bob asked, and the answer cites one passage; another was only found."""
    conversation = Conversation.objects.create(user=bob, title="Hotels")
    an_answer(conversation, policy)
    return conversation


def an_answer(conversation, document) -> Message:
    message = Message.objects.create(
        conversation=conversation, question="What may a hotel cost?", searched="What may a hotel cost?",
        answer="Hotels may cost 140 EUR. [1]", is_answered=True,
    )  # fmt: skip
    for number, chunk in enumerate(document.listed[:2], start=1):
        Citation.objects.create(
            message=message, number=number, document=document, chunk=chunk, title=document.title, text=chunk.text,
            start=chunk.start, end=chunk.end, marks=[[0, 24]] if number == 1 else [], is_cited=number == 1,
            ranks={"vector": 2, "keyword": 1},
        )  # fmt: skip
    return message


def test_bob_reads_his_conversation_with_its_sources(client, bob, talk, policy):
    client.force_login(bob)
    shown = client.get(talk.get_absolute_url()).content.decode()
    citation = Citation.objects.get(number=1)
    assert f'<a class="citation" href="/documents/{policy.pk}/?citation={citation.pk}#passage"' in shown
    assert "<mark>Hotels may cost 140 EUR.</mark>" in shown
    assert "found by meaning #2, by words #1" in shown
    assert "1 more passage was found" in shown


@pytest.mark.parametrize("name", ["conversation", "conversation_rename", "conversation_delete"])
def test_a_conversation_is_its_owners_alone(client, alice, admin, talk, name):
    for person in (alice, admin):
        client.force_login(person)
        answer = client.get if name == "conversation" else client.post
        assert answer(reverse(name, args=[talk.pk]), {"title": "Mine"}).status_code == 404
    assert Conversation.objects.get().title == "Hotels"


def test_who_may_no_longer_read_the_source_sees_neither_it_nor_what_rests_on_it(client, bob, talk):
    Membership.objects.filter(user=bob).delete()
    client.force_login(bob)
    shown = client.get(talk.get_absolute_url()).content.decode()
    assert "140 EUR" not in shown
    assert "Travel policy" not in shown
    assert "A part of this answer is not shown" in shown


def test_a_deleted_document_is_no_source_any_more(client, bob, talk, policy):
    from django.utils import timezone

    policy.deleted_at = timezone.now()
    policy.save()
    client.force_login(bob)
    assert "140 EUR" not in client.get(talk.get_absolute_url()).content.decode()


def test_a_source_is_shown_to_whom_it_was_given_and_to_nobody_else(client, alice, bob, talk):
    url = reverse("source", args=[Citation.objects.get(number=1).pk])
    client.force_login(alice)
    assert client.get(url).status_code == 404
    client.force_login(bob)
    assert "<html" in client.get(url).content.decode()
    assert "<html" not in client.get(url, headers=HTMX).content.decode()
    Membership.objects.filter(user=bob).delete()
    assert client.get(url).status_code == 404


def test_a_conversation_is_renamed_in_its_place_or_on_a_page(client, bob, talk):
    url = reverse("conversation_rename", args=[talk.pk])
    client.force_login(bob)
    assert "<html" not in client.get(url, headers=HTMX).content.decode()
    assert "<html" in client.get(url).content.decode()
    title = client.post(url, {"title": "<b>Inns</b>"}, headers=HTMX).content.decode()
    assert "&lt;b&gt;Inns" in title
    assert client.post(url, {"title": "Inns"}).url == talk.get_absolute_url()
    assert client.post(url, {"title": " "}).status_code == 422
    assert Conversation.objects.get().title == "Inns"


def test_a_conversation_is_deleted_with_its_answers(client, bob, talk):
    client.force_login(bob)
    assert client.post(reverse("conversation_delete", args=[talk.pk])).url == reverse("conversations")
    assert not Message.objects.exists()


def test_a_link_deletes_nothing(client, bob, talk):
    client.force_login(bob)
    assert client.get(reverse("conversation_delete", args=[talk.pk])).status_code == 405


def test_the_list_has_ones_own_conversations_and_finds_words_in_their_questions(client, alice, bob, talk):
    Conversation.objects.create(user=bob, title="Trains")
    Conversation.objects.create(user=alice, title="Alice's own")
    client.force_login(bob)
    page = client.get(reverse("conversations"))
    assert [each.title for each in page.context["page"]] == ["Trains", "Hotels"]
    found = client.get(reverse("conversations"), {"q": "hotel cost"})
    assert [each.title for each in found.context["page"]] == ["Hotels"]
    assert "No conversation fits." in client.get(reverse("conversations"), {"q": "zebra"}).content.decode()


def test_a_longer_conversation_takes_no_more_queries(client, bob, talk, policy, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.force_login(bob)
    client.get(talk.get_absolute_url())
    with CaptureQueriesContext(connection) as few:
        client.get(talk.get_absolute_url())
    for _ in range(10):
        an_answer(talk, policy)
    with django_assert_num_queries(len(few)):
        client.get(talk.get_absolute_url())


def test_answers_and_titles_are_text_and_nothing_more(client, bob, talk):
    evil = "<script>alert(1)</script>"
    Message.objects.update(answer=f"{evil} [1]\n\n- {evil} [1]\n\n```\n{evil}\n```", question=evil, notes=[evil])
    Citation.objects.update(title=evil, heading_path=[evil], text=evil)
    Conversation.objects.update(title=evil)
    client.force_login(bob)
    for url in (talk.get_absolute_url(), reverse("conversations"), "/"):
        assert "<script>alert" not in client.get(url).content.decode()


def test_the_side_of_the_page_lists_the_latest_conversations_of_the_person(alice, bob, talk):
    assert recent_conversations({"user": bob}) == [talk]
    assert recent_conversations({"user": alice}) == []
    assert recent_conversations({"user": AnonymousUser()}) == []
    assert recent_conversations({}) == []
