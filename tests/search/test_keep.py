"""An answer is kept in its message with its sources' numbers, whatever became of their documents meanwhile."""

from datetime import timedelta

import pytest
from django.utils import timezone

from ingestion.reconcile import STEPS
from kb.acting import Acting, acting
from search.answering.check import check
from search.answering.keep import keep, keep_so_far
from search.answering.runs import Ending
from search.cite import cite
from search.conversations.abandoned import check_left, end_abandoned, end_if_abandoned
from search.conversations.record import record
from search.models import Conversation, Message
from search.passage import Passage
from tests.search.library import add_document, make_index

State = Message.State
DONE = Ending("done", tokens_in=9, tokens_out=4, milliseconds=1200, ending="stop")
FAILED = Ending("failed", kind="cut", error="The language model broke off in the middle of its answer.")
TEXTS = (
    "The kettle is descaled with vinegar.", "The toaster is cleaned on Fridays.", "The kettle is descaled every month."
)  # fmt: skip


@pytest.fixture
def documents(handbook):
    index = make_index(handbook)
    return [add_document(index, text, title=f"Paper {n}") for n, text in enumerate(TEXTS, 1)]


@pytest.fixture
def message(alice, documents):
    """A question that is being answered with three passages of three documents."""
    message = Message(
        conversation=Conversation.objects.create(user=alice), question="How often is the kettle descaled?",
        state=State.WRITING,
    )  # fmt: skip
    passages = [
        Passage(one.listed[0].pk, one.pk, one.knowledge_base_id, one.title, text, 0, len(text))
        for one, text in zip(documents, TEXTS, strict=True)
    ]
    record(message, cite("", passages))
    return message


def delete(document) -> None:
    document.deleted_at = timezone.now()
    document.save(update_fields=["deleted_at"])


def cited(message: Message) -> dict[int, bool]:
    return dict(message.citations.values_list("number", "is_cited"))


def test_an_answer_is_kept_with_what_it_cites_and_cost(message):
    keep(message.pk, "Every month [3]. With vinegar [1][9].\n", DONE)
    message.refresh_from_db()
    assert message.answer == "Every month [3]. With vinegar [1]."
    assert (message.state, message.is_answered, message.notes) == (State.DONE, True, [])
    assert (message.tokens_in, message.tokens_out, message.milliseconds) == (9, 4, 1200)
    assert cited(message) == {1: True, 2: False, 3: True}
    assert message.citations.get(number=3).marks == [[0, len(TEXTS[2])]]


def test_what_supports_its_sentences_is_kept_afterwards(message, monkeypatch):
    assert keep(message.pk, "Every month [3]. With vinegar [1][9].\n", DONE)
    message.refresh_from_db()
    assert (message.awaits_check, message.support) == (True, [])
    check(message.pk)
    message.refresh_from_db()
    assert (message.awaits_check, [one["numbers"] for one in message.support]) == (False, [[3], [1]])
    monkeypatch.setattr("search.answering.check.held", lambda *asked: pytest.fail("It was checked before."))
    check(message.pk)


def test_a_check_that_fails_leaves_the_answer_as_it_is(message, monkeypatch, caplog):
    keep(message.pk, "Every month [3].", DONE)
    monkeypatch.setattr("search.answering.check.held", lambda *asked: 1 / 0)
    check(message.pk)
    message.refresh_from_db()
    assert (message.state, message.answer) == (State.DONE, "Every month [3].")
    assert (message.awaits_check, message.support) == (False, [])
    assert "ZeroDivisionError" in caplog.text


def test_what_cites_nothing_is_an_answer_and_gets_the_number_of_the_passage_that_has_it(message):
    keep(message.pk, "The kettle is descaled every month.\n\nThe mayor collects old stamps in the evening.", DONE)
    check(message.pk)
    message.refresh_from_db()
    assert message.answer == "The kettle is descaled every month. [3]\n\nThe mayor collects old stamps in the evening."
    assert message.is_answered
    assert [(one["numbers"], one["derived"]) for one in message.support] == [([3], True), ([], False)]
    assert cited(message) == {1: False, 2: False, 3: True}


def test_what_no_passage_has_is_an_answer_all_the_same(message):
    keep(message.pk, "The mayor collects old stamps in the evening.", DONE)
    check(message.pk)
    message.refresh_from_db()
    assert (message.is_answered, cited(message)) == (True, {1: False, 2: False, 3: False})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The documents do not answer this question.",
        "根据提供的文档，无法回答这个问题。",
        "The passages do not mention the kettle [1][2].",
    ],
)
def test_an_answer_that_says_that_there_is_none_answers_nothing(message, text):
    keep(message.pk, text, DONE)
    check(message.pk)
    message.refresh_from_db()
    assert (message.state, message.answer, message.is_answered) == (State.DONE, text, False)
    assert cited(message) == {1: False, 2: False, 3: False}


def test_what_is_written_so_far_is_kept_and_says_that_somebody_writes(message):
    assert keep_so_far({message.pk: "Every"}) == []
    message.refresh_from_db()
    assert (message.answer, message.state) == ("Every", State.WRITING)
    assert message.beat_at is not None


@pytest.mark.parametrize("odd", ["half a \ud83d", "zero \0"])
def test_a_text_that_the_database_does_not_take_holds_up_no_other(message, alice, odd):
    other = Message.objects.create(conversation=message.conversation, question="?", state=State.WRITING)
    assert keep_so_far({message.pk: odd, other.pk: "Every"}) == []
    message.refresh_from_db()
    other.refresh_from_db()
    assert other.answer == "Every"
    assert message.beat_at and other.beat_at


def test_it_is_said_which_messages_nobody_waits_for_any_more(message, alice):
    ended = Message.objects.create(conversation=message.conversation, question="?", state=State.FAILED)
    assert keep_so_far({ended.pk: "Late", message.pk: "Every", 987654: "Gone"}) == [ended.pk, 987654]


def test_what_has_ended_is_not_written_on(message):
    keep(message.pk, "Every month [3].", DONE)
    keep_so_far({message.pk: "Late"})
    assert not keep(message.pk, "Later", Ending("stopped"))
    message.refresh_from_db()
    assert (message.answer, message.state) == ("Every month [3].", State.DONE)


def test_a_message_that_was_deleted_meanwhile_is_no_fault(message):
    number = message.pk
    message.delete()
    keep_so_far({number: "Every"})
    assert not keep(number, "Every month [3].", DONE)


def test_numbers_stay_when_a_document_is_deleted_while_the_answer_is_written(message, documents):
    delete(documents[0])
    keep(message.pk, "With vinegar [1]. Every month [3].", DONE)
    message.refresh_from_db()
    assert message.answer == "With vinegar [1]. Every month [3]."
    assert message.citations.get(number=3).marks == [[0, len(TEXTS[2])]]
    check(message.pk)
    message.refresh_from_db()
    assert message.support[1]["supported"] is not False


def test_a_number_whose_source_was_never_kept_is_left_out(message):
    message.citations.filter(number=2).delete()
    keep(message.pk, "On Fridays [2]. Every month [3].", DONE)
    message.refresh_from_db()
    assert message.answer == "On Fridays. Every month [3]."
    assert message.citations.get(number=3).marks == [[0, len(TEXTS[2])]]


def test_where_the_model_failed_the_passages_answer_with_a_sentence_about_it(message):
    assert not keep(message.pk, "Half of an ans", FAILED)
    message.refresh_from_db()
    assert message.state == State.FAILED and message.is_answered
    assert "Half" not in message.answer and TEXTS[2].rstrip(".") in message.answer
    assert message.notes == [f"{FAILED.error} Instead, here are the passages' own sentences."]


def test_sentences_of_a_document_that_is_gone_are_not_repeated_and_numbers_stay(message, documents):
    delete(documents[0])
    keep(message.pk, "", FAILED)
    message.refresh_from_db()
    assert "[3]" in message.answer and TEXTS[2].rstrip(".") in message.answer
    assert "vinegar" not in message.answer
    assert cited(message) == {1: False, 2: False, 3: True}


def test_without_any_document_the_message_ends_without_an_answer(message, documents):
    for document in documents:
        delete(document)
    keep(message.pk, "", FAILED)
    message.refresh_from_db()
    assert (message.state, message.answer, message.is_answered) == (State.FAILED, "", False)


def test_an_answer_that_ran_out_of_tokens_says_so(message):
    keep(message.pk, "Every month [3], and", Ending("done", ending="length"))
    message.refresh_from_db()
    assert message.notes == ["The answer was cut off at the length that is allowed."]


def test_a_stopped_answer_keeps_what_is_written(message):
    keep(message.pk, "Every month [3].", Ending("stopped"))
    message.refresh_from_db()
    assert (message.state, message.answer) == (State.STOPPED, "Every month [3].")


def test_notes_are_in_the_language_of_whoever_asked(message, alice):
    alice.language = "zh-hans"
    alice.save()
    keep(message.pk, "", Ending("failed", error=""))
    message.refresh_from_db()
    assert len(message.notes) == 1


def test_an_answer_whose_process_was_killed_is_ended_by_whoever_looks(message):
    assert end_if_abandoned(message).state == State.WRITING
    Message.objects.filter(pk=message.pk).update(beat_at=timezone.now() - timedelta(seconds=20))
    message.refresh_from_db()
    assert end_if_abandoned(message).state == State.FAILED
    assert "month" in message.answer and "ended in the middle" in message.notes[0]


def test_an_answer_whose_process_was_killed_is_ended_by_the_sweep(message):
    assert end_abandoned in STEPS
    assert end_abandoned() == 0
    Message.objects.filter(pk=message.pk).update(created_at=timezone.now() - timedelta(seconds=20))
    assert end_abandoned() == 1
    message.refresh_from_db()
    assert message.state == State.FAILED and message.is_answered
    assert end_abandoned() == 0


def test_a_check_that_a_killed_process_left_is_made_by_the_sweep(message, monkeypatch):
    assert check_left in STEPS
    keep(message.pk, "Every month [3].", DONE)
    assert check_left() == 0
    Message.objects.update(beat_at=timezone.now() - timedelta(minutes=3))
    asking = []
    borne_out = lambda text, passages: asking.append(acting()) or ()  # noqa: E731
    monkeypatch.setattr("search.bear_out.borne_out", borne_out)
    assert check_left() == 1
    base = message.citations.first().document.knowledge_base_id
    assert asking == [Acting("search", message.conversation.user_id, None, str(base))]
    assert check_left() == 0


def test_the_sentences_that_the_sweep_asks_for_are_written_down_as_asked_by_whoever_asked(message, monkeypatch):
    asking = []
    monkeypatch.setattr("search.answering.keep.open_answerer", lambda name: asking.append(acting()))
    Message.objects.filter(pk=message.pk).update(created_at=timezone.now() - timedelta(seconds=20))
    assert end_abandoned() == 1
    base = message.citations.first().document.knowledge_base_id
    assert asking == [Acting("search", message.conversation.user_id, None, str(base))]
