"""An answer as it streams into the page."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.urls import reverse
from django.utils import timezone

from search import answer_lane
from search.models import Citation, Conversation, Message
from tests.search.library import add_document, make_index

HTMX = {"HX-Request": "true"}
HOTEL = "Hotels may cost 140 EUR a night. Keep the ticket."


@pytest.fixture
def message(client, bob, handbook):
    """Bob's question, whose answer is being written."""
    document = add_document(make_index(handbook), HOTEL, title="Travel policy")
    conversation = Conversation.objects.create(user=bob, title="Hotels")
    made = Message.objects.create(
        conversation=conversation, question="What may a hotel cost?", searched="What may a hotel cost?",
        state="writing", beat_at=timezone.now(), model_name="Big model",
    )  # fmt: skip
    (chunk,) = document.listed
    Citation.objects.create(
        message=made, number=1, document=document, chunk=chunk, title=document.title, text=HOTEL, start=chunk.start,
        end=chunk.end, is_cited=False,
    )  # fmt: skip
    client.force_login(bob)
    return made


@pytest.fixture(autouse=True)
def _in_one_transaction(monkeypatch):
    """A stream lets its connection go between two looks at the database, which would end the transaction of a test."""
    monkeypatch.setattr("search.conversations.streaming.connection", SimpleNamespace(close=lambda: None))


@pytest.fixture
def written(monkeypatch, message):
    """What the process that writes says: pieces, after which the answer is kept. An empty one: that it is at it."""

    def say(*pieces: str, ended: bool = True) -> None:
        def follow(name, start=0):
            assert name == f"message-{message.pk}"
            for at, piece in enumerate(pieces, 1):
                yield {"at": at, "text": piece} if piece else {}
            if ended:
                Message.objects.filter(pk=message.pk).update(state="done", answer="".join(pieces), is_answered=True)
                yield {"ending": {"state": "done"}}

        monkeypatch.setattr(answer_lane, "follow", follow)
        monkeypatch.setattr("search.conversations.streaming.SHOW_EVERY", 0)

    return say


def events(client, message, **headers) -> list[tuple[str, str]]:
    """(name, data) of each event."""
    response = client.get(reverse("message_events", args=[message.pk]), headers=headers)
    assert response["Content-Type"] == "text/event-stream"
    text = b"".join(response.streaming_content).decode()
    found = []
    for each in text.strip().split("\n\n"):
        fields = [line.partition(": ") for line in each.split("\n")]
        data = "\n".join(value for name, _, value in fields if name == "data")
        found += [(value, data) for name, _, value in fields if name in ("event", "retry")]
    return found


def test_finished_blocks_come_once_and_the_one_at_hand_again_and_again(client, message, written):
    written("Hotels may cost 140 EUR [1].\n\nKeep", " the ticket [1].")
    found = events(client, message)
    assert [name for name, _ in found] == ["blocks", "tail", "tail", "turn", "end"]
    assert "140 EUR" in found[0][1]
    assert 'class="citation"' in found[0][1]
    assert "Keep the ticket" in found[2][1]
    assert f'id="message-{message.pk}"' in found[3][1]
    assert "is writing" not in found[3][1]


def test_a_new_connection_replaces_what_the_page_has_and_adds_what_follows(client, message, written):
    written("One [1].\n\nTwo [1].\n\nThree", " [1].\n\nFour [1].")
    found = events(client, message)
    assert [name for name, _ in found] == ["blocks", "tail", "block", "tail", "turn", "end"]
    assert "One" in found[0][1] and "Two" in found[0][1] and "Three" not in found[0][1]
    assert "Three" in found[2][1]


def test_a_browser_whose_connection_broke_before_the_first_block_gets_all_of_them(client, message, written):
    written("One [1].\n\nTwo [1].\n\nThree [1].")
    found = events(client, message, **{"Last-Event-ID": "0"})
    assert [name for name, _ in found] == ["block", "block", "tail", "turn", "end"]


def streamed(client, message) -> str:
    return b"".join(client.get(reverse("message_events", args=[message.pk])).streaming_content).decode()


def test_while_the_model_is_silent_a_comment_keeps_the_connection(client, message, written, monkeypatch):
    monkeypatch.setattr("search.conversations.streaming.SILENCE_EVERY", 0)
    written("", "", "Hotels may cost 140 EUR [1].", "")
    text = streamed(client, message)
    assert text.startswith(": \n\n: \n\nevent: blocks\n")
    assert text.count("event: tail") == 1


def test_comments_are_not_sent_more_often_than_is_of_use(client, message, written):
    written(*[""] * 20, ended=False)
    assert streamed(client, message).count(": \n\n") == 1


def test_what_came_too_fast_to_be_shown_is_shown_in_the_next_silence(client, message, written, monkeypatch):
    written("Hotels", " may", "", ended=False)
    clock = iter((1.0, 1.0, 1.01, 2.0, 2.0, 3.0))
    monkeypatch.setattr("search.conversations.streaming.SHOW_EVERY", 0.12)
    monkeypatch.setattr("search.conversations.streaming.time", SimpleNamespace(monotonic=lambda: next(clock)))
    tails = [data for name, data in events(client, message) if name == "tail"]
    assert ["may" in tail for tail in tails] == [False, True]


def test_a_reader_who_is_gone_holds_nothing_and_the_answer_goes_on(client, message, monkeypatch):
    said = []
    monkeypatch.setattr(answer_lane, "follow", lambda name: iter(lambda: said.append(name) or {}, None))
    monkeypatch.setattr("search.conversations.streaming.has_hung_up", lambda request: len(said) == 5)
    assert streamed(client, message).endswith("retry: 2000\n\n")
    message.refresh_from_db()
    assert (len(said), message.state) == (5, "writing")


def finished(message, **more) -> str:
    """Written, and its first sentence not borne out once it is checked; the address at which the page asks for that."""
    support = [{"start": 0, "end": 7, "numbers": [1], "score": 0.0, "supported": False}]
    fields = {"state": "done", "answer": "Mostly. [1]", "is_answered": True, "support": support, **more}
    Message.objects.filter(pk=message.pk).update(**fields)
    return reverse("message_marks", args=[message.pk])


def test_an_answer_is_whole_before_it_is_checked_and_asks_for_what_is_found_then(client, message):
    marks = finished(message, support=[], awaits_check=True)
    turn = dict(events(client, message))["turn"]
    assert "Mostly." in turn and "not found" not in turn
    assert f'hx-get="{marks}"' in turn
    assert client.get(marks, headers=HTMX).status_code == 204
    finished(message, awaits_check=False)
    shown = client.get(marks, headers=HTMX)
    assert shown.status_code == 286
    assert "not found in its sources" in shown.content.decode() and "<section" not in shown.content.decode()
    assert f'hx-get="{marks}"' not in client.get(message.conversation.get_absolute_url()).content.decode()


def test_an_answer_that_its_sources_bear_out_is_left_as_it_stands(client, message):
    shown = client.get(finished(message, support=[]), headers=HTMX)
    assert (shown.status_code, shown["HX-Reswap"], shown.content) == (286, "none", b"")


def test_an_answer_that_turns_out_to_name_no_source_says_so_without_being_loaded_again(client, message):
    shown = client.get(finished(message, answer="So it is.", support=[]), headers=HTMX)
    assert (shown.status_code, shown["HX-Retarget"]) == (286, f"#message-{message.pk}")
    assert "This answer names no source." in shown.content.decode()


def test_without_script_the_marks_are_the_turn(client, message):
    assert client.get(finished(message)).url == reverse("message_turn", args=[message.pk])


def test_a_browser_that_comes_back_gets_only_the_blocks_that_it_lacks(client, message, written):
    written("One [1].\n\nTwo [1].\n\nThree [1].")
    blocks = [data for name, data in events(client, message, **{"Last-Event-ID": "1"}) if name == "block"]
    assert len(blocks) == 1
    assert "Two" in blocks[0]


def test_what_is_written_as_markup_stays_text(client, message, written):
    written("<script>alert(1)</script> <b onclick=x>bold</b>")
    for _, data in events(client, message):
        assert "<script" not in data
        assert "<b onclick" not in data


def test_a_form_in_the_last_event_can_be_sent_without_htmx(client, message, written):
    written("Hotels may cost 140 EUR [1].")
    turn = dict(events(client, message))["turn"]
    assert 'name="csrfmiddlewaretoken"' in turn


def test_an_answer_that_has_ended_is_the_whole_turn_at_once(client, message):
    Message.objects.filter(pk=message.pk).update(state="done", answer="So it is. [1]", is_answered=True)
    assert [name for name, _ in events(client, message)] == ["turn", "end"]


def test_while_nobody_can_say_more_the_browser_is_asked_to_come_again(client, message):
    assert events(client, message)[-1][0] == "2000"


def test_an_answer_whose_writer_is_gone_is_ended_by_whoever_looks(client, message):
    Message.objects.filter(pk=message.pk).update(beat_at=timezone.now() - timedelta(minutes=1))
    found = events(client, message)
    assert [name for name, _ in found] == ["turn", "end"]
    message.refresh_from_db()
    assert message.state == "failed"


def test_stop_answers_a_browser_without_script_with_the_conversation(client, message):
    url = reverse("message_stop", args=[message.pk])
    assert client.post(url, headers=HTMX).status_code == 204
    assert client.post(url).url == f"{message.conversation.get_absolute_url()}#message-{message.pk}"
    assert client.get(url).status_code == 405


def test_the_conversation_shows_the_sources_while_the_answer_is_written(client, message):
    shown = client.get(message.conversation.get_absolute_url()).content.decode()
    assert "Big model is writing" in shown
    assert "Keep the ticket." in shown
    assert f'sse-connect="{reverse("message_events", args=[message.pk])}"' in shown
    assert "took 0 ms" not in shown
