"""Where nothing answers, the documents that come closest are offered: those of near passages, and those about it."""

import pytest
from django.urls import reverse
from django.utils import timezone

from kb.models import KnowledgeBase, Membership
from search import route
from search.closest import SHOWN, closest_documents
from search.embedders import EmbeddingError
from search.models import Citation, Conversation, DocumentVector, Message
from search.retrieve import retrieve
from search.vectors import encode
from tests.search.evaluating import engines as engines
from tests.search.evaluating import shelve, vector_of
from tests.search.library import make_index

pytestmark = pytest.mark.django_db
QUESTION = "Who found the rings of Saturn?"


@pytest.fixture
def index(handbook):
    return make_index(handbook)


@pytest.fixture
def shelf(index, engines):
    return shelve(index)


def about(index, document, text):
    """The document as a whole is about this."""
    DocumentVector.objects.create(
        preset=index.preset, document=document, data=encode(vector_of(text)), tokens=1, tokens_read=1
    )


def closest(question, base, passages=()):
    return [document.title for document in closest_documents(question, passages, knowledge_bases=[base])]


def test_what_is_near_as_a_whole_and_in_a_passage_comes_first(handbook, index, shelf):
    for title in ("badge", "lunch", "parking"):
        about(index, shelf[title], QUESTION if title == "badge" else title)
    passages = retrieve("lost badge", knowledge_bases=[handbook], mode="keyword").passages
    assert [one.title for one in passages] == ["badge"]
    found = closest(QUESTION, handbook, passages)
    assert found[0] == "badge"
    assert sorted(found) == ["badge", "lunch", "parking"]


def test_without_a_model_the_documents_of_the_nearest_passages_are_named(handbook, index, shelf, monkeypatch):
    about(index, shelf["lunch"], QUESTION)

    def away(*arguments):
        raise EmbeddingError("away")

    monkeypatch.setattr("search.lane.embed_query", away)
    passages = retrieve("lost badge", knowledge_bases=[handbook], mode="keyword").passages
    assert closest(QUESTION, handbook, passages) == ["badge"]


def test_a_model_that_does_not_read_the_question_has_no_say(handbook, index, shelf, monkeypatch):
    about(index, shelf["lunch"], QUESTION)
    monkeypatch.setattr("search.closest.coverage", lambda preset, question: 0.3)
    assert closest(QUESTION, handbook) == []


def test_deleted_documents_and_those_of_others_are_not_named(handbook, index, shelf, charlie):
    passages = retrieve("lost badge", knowledge_bases=[handbook], mode="keyword").passages
    other = KnowledgeBase.objects.create(name="Other", created_by=charlie)
    assert closest(QUESTION, other, passages) == []
    shelf["badge"].deleted_at = timezone.now()
    shelf["badge"].save()
    assert closest(QUESTION, handbook, passages) == []


def test_newer_versions_come_before_what_they_superseded_and_a_handful_is_enough(handbook, index, engines):
    shelf = shelve(index, {f"rule {number}": f"Rule number {number} is a rule." for number in range(8)})
    shelf["rule 0"].superseded_by = shelf["rule 1"]
    shelf["rule 0"].save()
    for title in shelf:
        about(index, shelf[title], f"{QUESTION} {title}")
    about_it = [hit.document_id for hit in route.documents_about(QUESTION, [index], SHOWN)]
    found = closest_documents(QUESTION, (), knowledge_bases=[handbook])
    assert {document.pk for document in found} == set(about_it)
    superseded = [document.superseded_by_id is not None for document in found]
    assert superseded == sorted(superseded)


@pytest.fixture
def unanswered(bob, shelf):
    """Bob asked what nothing answers; a passage about lunch was nearest, and the badge comes closest as a whole."""
    conversation = Conversation.objects.create(user=bob, title="Saturn")
    message = Message.objects.create(conversation=conversation, question=QUESTION, closest=[str(shelf["badge"].pk)])
    Citation.objects.create(
        message=message, number=1, document=shelf["lunch"], title="lunch", text="lunch", start=0, end=5, is_cited=False
    )
    return message


def shown(client, message) -> str:
    """What stands in place of the answer."""
    page = client.get(message.conversation.get_absolute_url()).content.decode()
    return page.partition("answer-none")[2].partition("</div>")[0]


def test_the_page_offers_them_with_links(client, bob, unanswered, shelf):
    client.force_login(bob)
    said = shown(client, unanswered)
    assert "Nothing in your documents answers this. These come closest:" in said
    assert f'<a href="{reverse("document", args=[shelf["badge"].pk])}">badge</a>' in said
    assert "lunch" not in said


def test_an_older_answer_offers_the_documents_of_its_nearest_passages(client, bob, unanswered, shelf):
    Message.objects.update(closest=[])
    client.force_login(bob)
    assert f'<a href="{reverse("document", args=[shelf["lunch"].pk])}">lunch</a>' in shown(client, unanswered)


def test_what_bob_may_no_longer_read_is_not_offered(client, bob, unanswered):
    Membership.objects.filter(user=bob).delete()
    client.force_login(bob)
    said = shown(client, unanswered)
    assert "Nothing in your documents answers this." in said
    assert "come closest" not in said
    assert "badge" not in said


def test_a_deleted_document_is_not_offered(client, bob, unanswered, shelf):
    shelf["badge"].deleted_at = timezone.now()
    shelf["badge"].save()
    client.force_login(bob)
    assert "badge" not in shown(client, unanswered)


def test_more_unanswered_questions_take_no_more_queries(client, bob, unanswered, shelf, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.force_login(bob)
    page = unanswered.conversation.get_absolute_url()
    client.get(page)
    with CaptureQueriesContext(connection) as few:
        client.get(page)
    for title in ("parking", "vacation"):
        Message.objects.create(conversation=unanswered.conversation, question=title, closest=[str(shelf[title].pk)])
    with django_assert_num_queries(len(few)):
        client.get(page)


def test_the_file_of_a_conversation_names_them(client, bob, unanswered):
    client.force_login(bob)
    file = client.get(reverse("conversation_export", args=[unanswered.conversation_id])).content.decode()
    assert "Nothing in your documents answers this. These come closest:\n\n- badge" in file
