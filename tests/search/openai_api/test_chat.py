"""POST /v1/chat/completions, by the official client: a knowledge base answers as if it were a model."""

import time

import openai
import pytest

from kb.models import KnowledgeBase, Membership, Role
from tests.search.library import add_document
from tests.search.model_server import ANSWER, Habits
from tests.search.openai_api.conftest import fill

QUESTION = "How often is the kettle descaled with vinegar?"
ASKED = [{"role": "user", "content": QUESTION}]
NOTHING = "Nothing in the documents answers this question."


@pytest.fixture
def notes(alice, rules, preset):
    """Alice's other knowledge base, which says something of the kettle, too."""
    made = KnowledgeBase.objects.create(name="Notes", created_by=alice)
    Membership.objects.create(knowledge_base=made, user=alice, role=Role.MANAGER)
    fill(made, preset, "The kettle in the attic is descaled weekly.", title="Attic")
    return made


def ask(client, model="Handbook", messages=ASKED, **more):
    return client.chat.completions.create(model=model, messages=messages, **more)


def read(stream):
    """The text of a stream, its last chunk with a choice, and the chunks."""
    chunks = list(stream)
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    return "".join(choice.delta.content or "" for choice in choices), choices[-1], chunks


def refused(client, **asked):
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, **asked)
    return caught.value


def test_without_a_language_model_the_passages_own_sentences_answer(client, rules, live_server):
    answer = ask(client)
    (choice,) = answer.choices
    assert (choice.finish_reason, choice.message.role) == ("stop", "assistant")
    assert "descaled monthly" in choice.message.content
    assert "[1]" in choice.message.content
    first = choice.message.citations[0]
    assert (first["number"], first["document"], first["title"]) == (1, str(rules.pk), "House rules")
    assert first["is_cited"] and "kettle" in first["text"]
    assert first["url"].startswith(f"{live_server.url}/documents/{rules.pk}/?chunk=")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_the_language_model_answers_and_its_tokens_are_told(client, model):
    answer = ask(client)
    assert answer.choices[0].message.content == "".join(ANSWER)
    assert [one["number"] for one in answer.choices[0].message.citations if one["is_cited"]] == [1]
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (120, 6)


def test_a_stream_brings_the_answer_in_pieces_and_the_sources_at_its_end(client, model, server):
    server.habits.pace = 0.05
    text, last, chunks = read(ask(client, stream=True, stream_options={"include_usage": True}))
    assert text == "".join(ANSWER)
    assert sum(bool(chunk.choices and chunk.choices[0].delta.content) for chunk in chunks) > 2
    assert last.finish_reason == "stop"
    assert last.delta.citations[0]["is_cited"]
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 6
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_without_a_language_model(client, rules):
    text, last, chunks = read(ask(client, stream=True))
    assert "descaled monthly" in text and last.finish_reason == "stop"
    assert last.delta.citations[0]["document"] == str(rules.pk)
    assert all(chunk.usage is None for chunk in chunks)


def test_an_answer_that_was_cut_off_at_its_length_says_so(client, model, server):
    server.habits.ending = "length"
    assert ask(client).choices[0].finish_reason == "length"


def test_numbers_that_cite_nothing_do_not_come_out(client, model, server):
    server.habits.pieces = ("Monthly [", "1][7].")
    assert ask(client).choices[0].message.content == "Monthly [1]."


def test_without_numbers_it_is_an_answer_and_the_passage_that_has_it_is_cited(client, model, server):
    server.habits.pieces = ("The kettle is descaled", " monthly with vinegar.")
    message = ask(client).choices[0].message
    assert message.content == "The kettle is descaled monthly with vinegar. [1]"
    assert message.answered and message.citations[0]["is_cited"]
    text, last, _chunks = read(ask(client, stream=True))
    assert text == "The kettle is descaled monthly with vinegar."
    assert last.delta.answered and last.delta.citations[0]["is_cited"]


def test_an_answer_that_nothing_bears_out_is_one_without_citations(client, model, server):
    server.habits.pieces = ("The mayor collects old stamps.",)
    message = ask(client).choices[0].message
    assert (message.content, message.answered) == ("The mayor collects old stamps.", True)
    assert not any(one["is_cited"] for one in message.citations)


@pytest.mark.parametrize("said", ["The documents do not answer this question.", "The passages do not say so [1]."])
def test_a_model_that_says_that_there_is_no_answer_has_not_answered(client, model, server, said):
    server.habits.pieces = (said,)
    message = ask(client).choices[0].message
    assert (message.content, message.answered) == (said, False)
    assert not any(one["is_cited"] for one in message.citations)
    assert read(ask(client, stream=True))[1].delta.answered is False


def test_thinking_does_not_come_out(client, model, server):
    server.habits.pieces = ("<thi", "nk>The kettle [1]?</th", "ink>\n\n", "Monthly [Passage 1].")
    assert read(ask(client, stream=True))[0] == "Monthly [1]."
    server.habits.pieces = ("The kettle [1]?\n</think>\n", "Monthly [1].")
    assert ask(client).choices[0].message.content == "Monthly [1]."


def test_a_model_that_only_thinks_is_replaced_by_the_passages_own_sentences(client, model, server):
    server.habits.pieces = ("<think>", "It never ends.")
    message = ask(client).choices[0].message
    assert "The language model wrote nothing." in message.content
    assert "descaled monthly with vinegar" in message.content and message.answered


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("fault", ["cut", "garbage", "error", "hangs", "silent", "html"])
def test_where_the_model_fails_the_passages_own_sentences_follow(client, model, server, fault, streams):
    server.habits.fault = fault
    if streams:
        text, last, _chunks = read(ask(client, stream=True))
        beside, ending = last.delta, last.finish_reason
    else:
        (choice,) = ask(client).choices
        text, beside, ending = choice.message.content, choice.message, choice.finish_reason
    assert ending == "stop"
    assert "descaled monthly with vinegar" in text
    if fault not in ("silent", "html"):
        assert text.startswith("The kettle")
    assert beside.notes[-1] in text
    assert any(one["is_cited"] for one in beside.citations)


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_a_model_that_refuses_is_replaced_the_same_way(client, model, server, status):
    server.habits.statuses = [(status, {})] * 3
    (choice,) = ask(client).choices
    assert "descaled monthly with vinegar" in choice.message.content
    assert "language model" in choice.message.notes[-1]


def test_without_the_process_that_writes_it_is_the_same(client, rules, server):
    from search.models import ChatModel

    ChatModel.objects.create(name="Plain", url=server.url, model="plain-model", is_default=True)
    text, last, _chunks = read(ask(client, stream=True))
    assert "descaled monthly with vinegar" in text
    assert "The process that writes answers" in last.delta.notes[-1]


def test_whoever_hangs_up_ends_the_models_work(client, model, server):
    server.habits.fault, server.habits.pace = "endless", 0.02
    stream = ask(client, stream=True)
    for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    stream.close()
    (asked,) = server.asked
    assert asked.ended.wait(30)
    assert asked.hung_up


def test_what_nothing_answers_is_said_and_no_model_is_asked(client, model, server):
    answer = ask(client, messages=[{"role": "user", "content": "What is the capital of Mongolia?"}])
    assert answer.choices[0].message.content == NOTHING
    assert answer.choices[0].message.answered is False
    assert not any(one["is_cited"] for one in answer.choices[0].message.citations)
    assert not server.asked


def test_the_turns_before_are_the_history_and_the_system_message_instructs(client, model, server):
    messages = [
        {"role": "system", "content": "Answer in verse."},
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "Monthly [1]."},
        {"role": "user", "content": [{"type": "text", "text": "And with what is it descaled?"}]},
    ]
    server.habits.pieces = ("Is the kettle descaled with vinegar?",)
    ask(client, messages=messages)
    rewritten, answered = (one.body["messages"] for one in server.asked)
    assert rewritten[-1]["content"] == "And with what is it descaled?"
    assert "Answer in verse." in answered[0]["content"]
    assert answered[1]["content"] == QUESTION
    assert answered[-1]["content"].endswith("Question: Is the kettle descaled with vinegar?")


@pytest.mark.parametrize("thinking", ["<think>It?</think>\n", "It?\n</think>\n"])
def test_thinking_is_no_part_of_a_question_that_the_model_completes(client, model, server, thinking):
    server.habits.pieces = (thinking, "Is the kettle descaled with vinegar?")
    ask(
        client,
        messages=[*ASKED, {"role": "assistant", "content": "Monthly [1]."}, {"role": "user", "content": "And how?"}],
    )
    asked = server.asked[-1].body["messages"][-1]["content"]
    assert asked.endswith("Question: Is the kettle descaled with vinegar?")


def test_a_follow_up_stands_alone_without_a_model_too(client, rules):
    before = [*ASKED, {"role": "assistant", "content": "Monthly."}]
    answer = ask(client, messages=[*before, {"role": "user", "content": "With what is it descaled?"}])
    assert "vinegar" in answer.choices[0].message.content


def test_models_are_knowledge_bases_by_name_by_id_several_or_all(client, rules, notes, handbook):
    for names, titles in (
        ("Handbook", {"House rules"}), (str(notes.pk), {"Attic"}), ("Notes, Handbook", {"House rules", "Attic"}),
        ("lectern", {"House rules", "Attic"}),
    ):  # fmt: skip
        citations = ask(client, model=names).choices[0].message.citations
        assert {one["title"] for one in citations} == titles


def test_a_name_with_a_comma_is_that_name(client, rules, notes):
    KnowledgeBase.objects.filter(pk=notes.pk).update(name="Notes, old")
    assert ask(client, model="Notes, old").choices[0].message.citations[0]["title"] == "Attic"


def test_a_name_that_two_have_takes_an_id(client, rules, notes):
    KnowledgeBase.objects.filter(pk=notes.pk).update(name="Handbook")
    error = refused(client)
    assert (error.status_code, error.code, error.param) == (400, "ambiguous_model", "model")
    assert str(notes.pk) in error.message


def test_charlie_cannot_name_what_is_alices(client_of, charlie, rules, handbook):
    theirs = client_of(charlie)
    for name in ("Handbook", str(handbook.pk), f"lectern,{handbook.pk}"):
        error = refused(theirs, model=name)
        assert (error.status_code, error.code) == (404, "model_not_found")
    assert ask(theirs, model="lectern").choices[0].message.content == NOTHING


def test_a_key_for_one_knowledge_base_answers_from_no_other(client_of, alice, rules, notes, handbook):
    limited = client_of(alice, knowledge_bases=[notes])
    citations = ask(limited, model="lectern").choices[0].message.citations
    assert {one["title"] for one in citations} == {"Attic"}
    assert refused(limited, model="Handbook").code == "model_not_found"
    assert refused(limited, model=f"{notes.pk},{handbook.pk}").code == "model_not_found"
    assert [one.id for one in limited.models.list()][:2] == ["lectern", "Notes"]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "content": "Hello"}]}, "messages"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages"),
        ({"messages": [{"role": "user", "content": "a" * 4001}]}, "messages"),
        ({"messages": [{"role": "pope", "content": "Hello"}]}, "messages.0.role"),
        ({"n": 2}, "n"),
        ({"model": ""}, "model"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_its_field(client, rules, wrong, param):
    error = refused(client, **wrong)
    assert (error.status_code, error.param) == (400, param)
    assert error.message


def test_deleted_documents_are_not_answered_from(client, rules, handbook):
    from django.utils import timezone

    other = add_document(handbook.indexes.get(), "Something else entirely.")
    type(rules).objects.filter(pk=rules.pk).update(deleted_at=timezone.now())
    assert ask(client).choices[0].message.content == NOTHING
    assert other.pk


def test_a_stream_begins_before_the_model_has_written_all(client, model, server):
    server.habits = Habits(pace=0.3)
    seen = []
    for chunk in ask(client, stream=True):
        if chunk.choices[0].delta.content:
            seen.append((time.monotonic(), server.asked[0].ended.is_set()))
    assert not seen[0][1]
