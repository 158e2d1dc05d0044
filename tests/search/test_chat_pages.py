"""What people do with answers: ask again, edit, rate, take along, share; and what managers learn of what is missing."""

import re

import pytest
from django.urls import reverse

from kb.models import KnowledgeBase, Membership
from search import answer_lane
from search.conversations import again
from search.conversations.places import standing
from search.conversations.record import questions_before
from search.keywords import open_keywords
from search.models import ChatModel, Citation, Conversation, Message
from search.place import entry_of
from tests.search.library import add_document, make_index

HTMX = {"HX-Request": "true"}
HOTEL = "Hotels may cost 140 EUR a night. Keep the ticket."
QUESTION = "What may a hotel cost a night?"


@pytest.fixture(autouse=True)
def data_of_its_own(settings, tmp_path):
    settings.KB_DATA, settings.KB_CHAT_URL = tmp_path, ""
    (tmp_path / "run").mkdir()


def filled(knowledge_base, *texts, title):
    """A document that is found by its words; nobody embeds here."""
    index = knowledge_base.indexes.first() or make_index(knowledge_base)
    document = add_document(index, *texts, title=title)
    open_keywords().add([entry_of(index, chunk) for chunk in document.listed])
    return document


@pytest.fixture
def policy(handbook):
    return filled(handbook, HOTEL, "Trains come first. Whoever travels takes the train.", title="Travel policy")


@pytest.fixture
def secret(charlie):
    """Charlie's own knowledge base."""
    base = KnowledgeBase.objects.create(name="Secret", created_by=charlie)
    Membership.objects.create(knowledge_base=base, user=charlie, role="manager")
    return filled(base, "The launch of Zebra is in May.", title="Zebra")


@pytest.fixture
def talk(client, bob, policy):
    """Bob asked twice."""
    client.force_login(bob)
    client.post(reverse("ask"), {"question": QUESTION})
    conversation = Conversation.objects.get()
    client.post(reverse("ask"), {"question": "Which train first?", "conversation": conversation.pk})
    return conversation


def first(conversation) -> Message:
    return conversation.messages.order_by("pk").first()


def cited(conversation, question, document, **more) -> Message:
    message = Message.objects.create(
        conversation=conversation, question=question, **{"answer": "So it is. [1]", "is_answered": True, **more}
    )
    chunk = document.listed[0]
    Citation.objects.create(
        message=message, number=1, document=document, chunk=chunk, title=document.title, text=chunk.text,
        start=chunk.start, end=chunk.end,
    )  # fmt: skip
    return message


# --- again, and otherwise ---------------------------------------------------------------


def test_a_new_answer_takes_the_place_of_the_old_one_which_can_still_be_read(client, talk):
    old = first(talk)
    shown = client.post(reverse("message_again", args=[old.pk]), headers=HTMX).content.decode()
    old.refresh_from_db()
    new = old.replaced_by
    assert [one.pk for one in standing(talk)] == [new.pk, talk.messages.exclude(pk__in=[old.pk, new.pk]).get().pk]
    assert "1 earlier answer" in shown
    assert reverse("message_turn", args=[old.pk]) in shown
    page = client.get(talk.get_absolute_url())
    assert [turn.message.question for turn in page.context["turns"]] == [QUESTION, "Which train first?"]
    earlier = client.get(reverse("message_turn", args=[old.pk])).content.decode()
    assert "<html" in earlier
    assert "An earlier answer" in earlier
    assert reverse("message_again", args=[old.pk]) not in earlier


def test_other_words_set_aside_what_followed_the_old_ones(client, talk):
    response = client.post(reverse("message_again", args=[first(talk).pk]), {"question": "Which train?"}, headers=HTMX)
    assert response["HX-Refresh"] == "true"
    (turn,) = client.get(talk.get_absolute_url()).context["turns"]
    assert turn.message.question == "Which train?"
    assert [one.question for one in turn.earlier] == ["Which train first?", QUESTION]
    assert len(questions_before(talk)) == 1


def test_what_came_later_does_not_complete_a_question_that_is_asked_again(client, talk):
    client.post(reverse("message_again", args=[first(talk).pk]))
    assert standing(talk)[0].searched == QUESTION


def test_a_page_from_before_acts_on_what_stands_now(client, talk):
    old = first(talk)
    for _ in range(2):
        client.post(reverse("message_again", args=[old.pk]))
    assert len(standing(talk)) == 2
    assert len(client.get(talk.get_absolute_url()).context["turns"][0].earlier) == 2


@pytest.mark.parametrize("which", ["the other first", "the other last"])
@pytest.mark.parametrize("words", ["", "Which train?"], ids=["same words", "other words"])
def test_a_question_that_is_asked_again_twice_at_once_stands_once(
    client, bob, talk, handbook, monkeypatch, which, words
):
    real, stopped, bases = again.ask, [], [handbook]

    def asked(*where, **how):
        """While one is on its way, another comes and is done."""
        monkeypatch.setattr(again, "ask", real)
        mine = real(*where, **how) if which == "the other last" else None
        other = again.ask_again(old, QUESTION, knowledge_bases=bases, mode="hybrid")
        mine = mine or real(*where, **how)
        loser = min(mine, other, key=lambda one: one.pk)
        Message.objects.filter(pk=loser.pk).update(state="writing")
        loser.state = "writing"
        return mine

    monkeypatch.setattr(again, "ask", asked)
    monkeypatch.setattr(answer_lane, "stop", stopped.append)
    old = first(talk)
    stands = again.ask_again(old, words or QUESTION, knowledge_bases=bases, mode="hybrid")
    newest = talk.messages.latest("pk")
    assert stands == newest
    turns = client.get(talk.get_absolute_url()).context["turns"]
    assert [turn.message.pk for turn in turns][:1] == [newest.pk]
    assert stopped == [f"message-{newest.pk - 1}"]
    won = which == "the other first"
    assert [turn.message.question for turn in turns[1:]] == ([] if words and won else ["Which train first?"])
    assert len(turns[0].earlier) == (3 if words and won else 2)


def test_too_many_words_change_nothing(client, talk):
    url = reverse("message_again", args=[first(talk).pk])
    assert client.post(url, {"question": "x" * 2001}, headers=HTMX).status_code == 422
    assert client.post(url, {"question": "x" * 2001}).url.startswith(talk.get_absolute_url())
    assert talk.messages.count() == 2


def test_a_stopped_answer_shows_what_was_written(client, talk):
    message = first(talk)
    Message.objects.filter(pk=message.pk).update(state="stopped", answer="Hotels may", is_answered=False)
    shown = client.get(reverse("message_turn", args=[message.pk]), headers=HTMX).content.decode()
    assert "Hotels may" in shown
    assert "Stopped: the answer ends here." in shown
    assert "Nothing in your documents answers this" not in shown


# --- which model -----------------------------------------------------------------------


def test_where_several_models_are_offered_one_is_chosen_for_the_conversation(client, bob, talk):
    assert 'name="chat_model"' not in client.get("/").content.decode()
    models = [ChatModel.objects.create(name=name, url="http://127.0.0.1:9/v1", model=name) for name in ("Big", "Small")]
    for page in ("/", talk.get_absolute_url()):
        assert '<select class="ask-model"' in client.get(page).content.decode()
    client.post(reverse("ask"), {"question": "And?", "conversation": talk.pk, "chat_model": models[1].pk})
    talk.refresh_from_db()
    assert talk.chat_model == models[1]
    assert talk.messages.latest("pk").model_name == "Small"
    models[1].delete()
    refused = client.post(
        reverse("ask"), {"question": "And?", "conversation": talk.pk, "chat_model": 4321}, headers=HTMX
    )
    assert "is not offered any more" in refused.content.decode()


# --- rating ----------------------------------------------------------------------------


def rate(client, message, **fields):
    response = client.post(reverse("message_rate", args=[message.pk]), fields, headers=HTMX)
    message.refresh_from_db()
    return response.content.decode()


def test_a_thumb_is_kept_and_pressed_again_taken_back(client, talk):
    message = first(talk)
    assert 'name="comment"' in rate(client, message, rating="1")
    assert message.rating == 1
    assert "comment is kept" in rate(client, message, comment="Just right")
    assert (message.rating, message.comment) == (1, "Just right")
    assert 'name="comment"' not in rate(client, message, rating="1")
    assert (message.rating, message.comment) == (0, "")


def test_what_is_no_rating_changes_nothing(client, talk):
    message = first(talk)
    rate(client, message, rating="7")
    assert (message.rating, message.rated_at) == (0, None)
    assert client.post(reverse("message_rate", args=[message.pk]), {"rating": "-1"}).status_code == 302
    message.refresh_from_db()
    assert message.rating == -1


def test_an_answer_that_helped_can_be_kept_as_a_test_question_by_who_may_write(client, bob, talk, handbook):
    message, keep = first(talk), reverse("message_keep", args=[first(talk).pk])
    assert keep not in rate(client, message, rating="1")
    Membership.objects.filter(user=bob, knowledge_base=handbook).update(role="editor")
    assert keep not in rate(client, message, rating="-1")
    assert keep in rate(client, message, rating="1")


# --- gaps ------------------------------------------------------------------------------


@pytest.fixture
def gaps(client, alice, handbook):
    """The page of gaps as Alice, who manages the handbook, sees it."""

    def page() -> str:
        client.force_login(alice)
        return client.get(reverse("gaps", args=[handbook.pk])).content.decode()

    return page


def test_managers_see_what_was_not_answered_but_not_who_asked(client, bob, policy, gaps):
    client.force_login(bob)
    client.post(reverse("ask"), {"question": "Whose is the dog?"})
    client.post(reverse("ask"), {"question": QUESTION})
    answered = Message.objects.get(question=QUESTION)
    assert "Whose is the dog?" in gaps()
    assert QUESTION not in gaps()
    client.force_login(bob)
    rate(client, answered, rating="-1")
    rate(client, answered, comment="That is the price of last year")
    shown = gaps()
    assert QUESTION in shown
    assert "the price of last year" in shown
    assert "bob" not in shown


def test_what_was_asked_again_is_no_gap_any_more(client, bob, talk, gaps):
    old = first(talk)
    Message.objects.filter(pk=old.pk).update(is_answered=False)
    assert QUESTION in gaps()
    client.force_login(bob)
    client.post(reverse("message_again", args=[old.pk]))
    assert QUESTION not in gaps()


def test_a_gap_is_shown_where_it_was_asked_and_nowhere_else(client, charlie, policy, secret, gaps, handbook):
    here = Conversation.objects.create(user=charlie, title="Here")
    here.knowledge_bases.set([handbook])
    there = Conversation.objects.create(user=charlie, title="There")
    there.knowledge_bases.set([secret.knowledge_base])
    everywhere = Conversation.objects.create(user=charlie, title="Everywhere")
    Message.objects.create(conversation=here, question="Asked here?")
    Message.objects.create(conversation=there, question="Asked there?")
    cited(everywhere, "Nearest here?", policy, answer="", is_answered=False)
    cited(everywhere, "Nearest there?", secret, answer="", is_answered=False)
    Message.objects.create(conversation=everywhere, question="Near to nothing?")
    shown = gaps()
    assert [words in shown for words in ("Asked here?", "Nearest here?")] == [True, True]
    assert [words in shown for words in ("Asked there?", "Nearest there?", "Near to nothing?")] == [False] * 3


# --- taking along and sharing -------------------------------------------------------------


def test_sources_of_several_documents_are_listed_by_document(client, bob, talk, policy, handbook):
    parking = filled(handbook, "Parking is free.", title="Parking rules")
    message = cited(talk, "And parking?", policy, answer="Trains first [1]. Free [2]. Hotels [3].")
    for number, chunk in ((2, parking.listed[0]), (3, policy.listed[1])):
        Citation.objects.create(
            message=message, number=number, document=chunk.document, chunk=chunk, title=chunk.document.title,
            text=chunk.text, start=chunk.start, end=chunk.end, page=number, heading_path=["Rules", "Free"],
        )  # fmt: skip
    text = client.get(reverse("conversation_export", args=[talk.pk])).content.decode()
    assert "- Travel policy: [1]; [3] page 3, Rules > Free\n- Parking rules: [2] page 2, Rules > Free\n" in text
    shown = client.get(talk.get_absolute_url()).content.decode()
    assert re.findall(r'"cite-title">([^<]*)<', shown) == ["Travel policy", "Parking rules", "Travel policy"]


def test_an_extractive_answer_says_which_document_says_what(client, bob, policy, handbook):
    filled(handbook, "Parking at the office is free.", title="Parking rules")
    client.force_login(bob)
    client.post(reverse("ask"), {"question": "What may hotels cost a night, and is parking at the office free?"})
    answer = Message.objects.get().answer
    assert "[1]" in answer and "[2]" in answer
    shown = client.get(Conversation.objects.get().get_absolute_url()).content.decode()
    assert set(re.findall(r'"cite-title">([^<]*)<', shown)) == {"Travel policy", "Parking rules"}


def test_an_answer_that_names_no_source_is_shown_and_says_so(client, bob, talk, policy):
    message = cited(talk, "And the mayor?", policy, answer="The mayor collects stamps.")
    Citation.objects.filter(message=message).update(is_cited=False)
    shown = client.get(reverse("message_turn", args=[message.pk]), headers=HTMX).content.decode()
    assert "The mayor collects stamps." in shown
    assert "This answer names no source." in shown
    assert "The passages that were found" in shown
    assert "Nothing in your documents answers this" not in shown
    text = client.get(reverse("conversation_export", args=[talk.pk])).content.decode()
    assert "The mayor collects stamps.\n\n*This answer names no source.*" in text


def test_numbers_that_checking_added_are_told_apart(client, bob, talk, policy):
    support = {
        "start": 0,
        "end": 13,
        "numbers": [1],
        "score": 1.0,
        "supported": True,
        "elsewhere": [1],
        "derived": True,
    }
    message = cited(talk, "And trains?", policy, answer="So it is. [1]", support=[support])
    shown = client.get(reverse("message_turn", args=[message.pk]), headers=HTMX).content.decode()
    assert '<span class="cite-derived" role="note">added by checking:</span>' in shown
    assert "Numbers in a dashed frame were added by checking" in shown
    text = client.get(reverse("conversation_export", args=[talk.pk])).content.decode()
    assert "where these numbers were added by checking: [1]" in text


def test_a_passage_that_is_only_near_to_what_cites_nothing_is_pointed_at(client, bob, talk, policy):
    support = {
        "start": 0,
        "end": 10,
        "numbers": [],
        "score": 0.4,
        "supported": True,
        "elsewhere": [1],
        "derived": False,
    }
    message = cited(talk, "And trains?", policy, answer="So it is.", support=[support])
    shown = client.get(reverse("message_turn", args=[message.pk]), headers=HTMX).content.decode()
    assert '<span class="claim-note claim-elsewhere" role="note">compare 1</span>' in shown


def test_what_says_that_there_is_no_answer_is_a_gap_and_no_other_answer_is(client, bob, talk, policy, gaps):
    cited(talk, "Who is the mayor?", policy, answer="The documents do not answer this question.", is_answered=False)
    cited(talk, "Who collects stamps?", policy, answer="The mayor does.")
    text = client.get(reverse("conversation_export", args=[talk.pk])).content.decode()
    assert "Nothing in your documents answers this." in text
    assert "Who is the mayor?" in gaps()
    assert "Who collects stamps?" not in gaps()


def test_a_conversation_is_downloaded_with_its_sources(client, talk):
    response = client.get(reverse("conversation_export", args=[talk.pk]))
    text = response.content.decode()
    assert response["Content-Type"] == "text/markdown; charset=utf-8"
    assert "what-may-a-hotel-cost-a-night.md" in response["Content-Disposition"]
    assert f"## {QUESTION}" in text
    assert "Hotels may cost 140 EUR a night. [1]" in text
    assert "- [1] Travel policy" in text


def test_what_may_no_longer_be_read_is_not_downloaded(client, bob, talk):
    Membership.objects.filter(user=bob).delete()
    text = client.get(reverse("conversation_export", args=[talk.pk])).content.decode()
    assert "140 EUR" not in text
    assert "Travel policy" not in text
    assert "A part of this answer is not shown" in text


def share(client, conversation) -> str:
    """The link's path."""
    client.post(reverse("conversation_share", args=[conversation.pk]))
    conversation.refresh_from_db()
    return reverse("shared", args=[conversation.share_token])


def test_a_link_opens_for_those_who_may_read_the_sources_until_it_is_taken_back(client, alice, bob, charlie, talk):
    link = share(client, talk)
    assert link in client.get(talk.get_absolute_url()).content.decode()
    client.force_login(alice)
    shown = client.get(link).content.decode()
    assert "Hotels may cost 140 EUR a night." in shown
    assert reverse("message_again", args=[first(talk).pk]) not in shown
    assert reverse("message_rate", args=[first(talk).pk]) not in shown
    source = Citation.objects.filter(message=first(talk)).first()
    (mark,) = source.marks
    place = f"?start={source.start}&amp;end={source.end}&amp;mark={mark[0]}-{mark[1]}#passage"
    assert shown.count(f'href="/documents/{source.document_id}/{place}"') == 2  # of the number, and of the source
    client.force_login(charlie)
    assert client.get(link).status_code == 404
    client.logout()
    assert client.get(link).url.startswith("/login")
    client.force_login(bob)
    client.post(reverse("conversation_unshare", args=[talk.pk]))
    assert client.get(link).status_code == 404


def test_what_is_shared_says_nothing_of_documents_that_the_reader_may_not_read(client, alice, charlie, policy, secret):
    talk = Conversation.objects.create(user=charlie, title="When is Zebra?")
    cited(talk, "When is Zebra?", secret, answer="The launch is in May. [1]")
    cited(talk, "And the hotel?", policy)
    Message.objects.create(conversation=talk, question="And Quagga?")
    client.force_login(charlie)
    link = share(client, talk)
    client.force_login(alice)
    shown = client.get(link).content.decode()
    assert "And the hotel?" in shown
    assert "So it is." in shown
    assert "2 questions are not shown" in shown
    for hidden in ("Zebra", "May", "Quagga"):
        assert hidden not in shown.replace("Maybe", "")


def test_what_cites_nothing_is_hidden_from_who_may_not_read_all_that_it_may_rest_on(
    client, alice, charlie, policy, secret
):
    talk = Conversation.objects.create(user=charlie, title="?")
    message = cited(talk, "And the hotel?", policy, answer="It costs 140 EUR [1].\n\nAnd Zebra starts in May.")
    chunk = secret.listed[0]
    Citation.objects.create(
        message=message, number=2, document=secret, chunk=chunk, title="Zebra", text=chunk.text, start=chunk.start,
        end=chunk.end, is_cited=False,
    )  # fmt: skip
    client.force_login(charlie)
    link = share(client, talk)
    assert "Zebra starts in May" not in client.get(link).content.decode()  # he may not read the policy
    client.force_login(alice)
    shown = client.get(link).content.decode()
    assert "It costs 140 EUR" in shown
    assert "Zebra" not in shown
    assert "A part of this answer is not shown" in shown


def test_what_was_searched_for_is_told_to_who_asked_alone(client, alice, bob, talk):
    Message.objects.filter(pk=first(talk).pk).update(searched="Zebra launch hotel night")
    assert "searched for “Zebra launch hotel night”" in client.get(talk.get_absolute_url()).content.decode()
    link = share(client, talk)
    client.force_login(alice)
    assert "Zebra" not in client.get(link).content.decode()


def test_an_earlier_answer_opens_no_link(client, alice, charlie, policy, secret):
    talk = Conversation.objects.create(user=charlie, title="?")
    later = cited(talk, "When is Zebra?", secret)
    Message.objects.filter(pk=cited(talk, "And the hotel?", policy).pk).update(replaced_by=later)
    client.force_login(charlie)
    link = share(client, talk)
    client.force_login(alice)
    assert client.get(link).status_code == 404
