"""Answers through the real process that writes them: whatever the model server does, a question ends as promised."""

import signal
import socket
import uuid

import psutil
import pytest
from django.test import Client

from kb.models import KnowledgeBase, Membership, Role, User
from search import answer_lane
from search.conversations.abandoned import end_abandoned
from search.keywords import open_keywords
from search.models import ChatModel, Conversation, Message
from search.place import entry_of
from tests.integration.answering import data_folder
from tests.integration.lectern import until
from tests.search.library import add_document, make_index
from tests.search.model_server import Habits, ModelServer

pytestmark = pytest.mark.integration

QUESTION = "How often is the kettle descaled?"
TEXT = "The kettle is descaled monthly with vinegar."
WAIT = 60  # seconds, on a busy machine
IMPATIENT = {"KB_CHAT_SECONDS": "2", "KB_CHAT_FIRST_SECONDS": "3", "KB_CHAT_ANSWER_SECONDS": "6"}
State = Message.State


@pytest.fixture(scope="module")
def shared(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), data_folder(**IMPATIENT) as service:
        service.start()
        yield service


@pytest.fixture
def service(shared, settings):
    settings.KB_DATA, settings.KB_VECTOR_STORE = shared.data, "exact"
    settings.KB_ANSWER_URL = settings.KB_ANSWER_LISTEN = settings.KB_CHAT_URL = ""
    if shared.process.poll() is not None:
        shared.start()
    return shared


@pytest.fixture
def server():
    with ModelServer() as running:
        yield running


@pytest.fixture
def model(service, server):
    made = ChatModel.objects.create(name=str(uuid.uuid4()), url=server.url, model="plain-model", is_default=True)
    yield made
    ChatModel.objects.filter(pk=made.pk).delete()


@pytest.fixture
def kettle(service):
    """A knowledge base about kettles, of somebody who is signed in: `kettle.client`."""
    user = User.objects.create_user(str(uuid.uuid4()), password="correct horse battery")
    kettle = KnowledgeBase.objects.create(name="Kettles", created_by=user)
    Membership.objects.create(knowledge_base=kettle, user=user, role=Role.MANAGER)
    index = make_index(kettle)
    document = add_document(index, TEXT, title="Kitchen")
    open_keywords().add([entry_of(index, chunk) for chunk in document.listed])
    kettle.client, kettle.owner, kettle.document = Client(), user, document
    kettle.client.force_login(user)
    return kettle


def ask(kettle, question: str = QUESTION, **more) -> Message:
    answered = kettle.client.post("/ask", {"question": question, "mode": "hybrid", "kb": str(kettle.pk), **more})
    assert answered.status_code == 302, answered.content[:500]
    return Message.objects.filter(conversation__user=kettle.owner).latest("pk")


def events_of(kettle, message: Message) -> str:
    return b"".join(kettle.client.get(f"/messages/{message.pk}/events").streaming_content).decode()


def ended(message: Message) -> Message:
    """The message when it has ended, whoever looks."""

    def is_over() -> bool:
        message.refresh_from_db()
        return message.state != State.WRITING

    until(is_over, WAIT, "the answer to end")
    return message


def begun(server: ModelServer, pieces: int = 1):
    """The request that the model server is answering."""
    return until(lambda: server.asked and server.asked[-1].pieces >= pieces and server.asked[-1], WAIT, "a first piece")


def test_a_question_is_answered_into_the_page_and_kept(kettle, server, model):
    server.habits.pace = 0.1
    message = ask(kettle)
    assert message.state == State.WRITING
    assert message.citations.count() == 1
    events = events_of(kettle, message)
    assert events.index("event: tail") < events.index("event: turn") < events.index("event: end")
    message.refresh_from_db()
    assert (message.answer, message.state) == ("The kettle is descaled monthly [1].", State.DONE)
    assert (message.tokens_in, message.tokens_out) == (120, 6)
    assert [citation.is_cited for citation in message.citations.all()] == [True]
    (asked,) = server.asked
    assert TEXT in asked.body["messages"][-1]["content"]
    assert events_of(kettle, message).startswith("event: turn")


@pytest.mark.parametrize(
    "habits",
    [
        {"fault": "silent"}, {"fault": "hangs"}, {"fault": "cut"}, {"fault": "garbage"}, {"fault": "wrong"},
        {"fault": "error"}, {"fault": "html"}, {"first": 30.0}, {"pieces": ()}, {"ending": None},
        {"ending": "content_filter"}, {"models": ("another",)}, {"key": "sesame"}, {"statuses": [(500, {})]},
        {"statuses": [(429, {})]}, {"statuses": [(429, {"Retry-After": "900"})]}, {"fault": "empty", "after": 0},
        {"fault": "thinks", "after": 0}, {"fault": "comments", "after": 0}, {"fault": "empty"}, {"fault": "thinks"},
        {"fault": "comments"}, {"fault": "endless", "pace": 1.2},
    ],
    ids=str,
)  # fmt: skip
def test_every_fault_ends_with_the_passages_own_sentences_and_one_about_it(kettle, server, model, habits):
    server.habits = Habits(**habits)
    message = ask(kettle)
    events = events_of(kettle, message)
    assert "event: turn" in events and "event: end" in events
    message.refresh_from_db()
    assert (message.state, message.is_answered) == (State.FAILED, True)
    assert message.answer == f"{TEXT} [1]"
    assert [note for note in message.notes if "own sentences" in note] == message.notes[-1:]
    next_one = ended(ask(kettle, "And the kettle, with what?", conversation=str(message.conversation_id)))
    assert next_one.conversation_id == message.conversation_id
    assert next_one.is_answered and "The kettle is descaled monthly" in next_one.answer
    assert [citation.is_cited for citation in next_one.citations.all()] == [True]


@pytest.mark.parametrize(("fault", "text"), [("half", "The kettle Always\ufffd"), ("zero", "The kettle Always")])
def test_what_no_database_takes_is_left_out_and_all_else_is_kept(kettle, server, model, fault, text):
    server.habits.fault = fault
    message = ask(kettle)
    assert text in events_of(kettle, message)
    assert (ended(message).state, message.answer) == (State.DONE, text)


def test_nobody_at_the_model_servers_address_ends_the_same_way(kettle, model):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        ChatModel.objects.filter(pk=model.pk).update(url=f"http://127.0.0.1:{unused.getsockname()[1]}/v1")
        message = ended(ask(kettle))
    assert (message.state, message.answer) == (State.FAILED, f"{TEXT} [1]")
    assert "cannot be reached" in message.notes[-1]


def test_a_busy_server_that_names_a_short_wait_answers(kettle, server, model):
    server.habits.statuses = [(429, {"Retry-After": "0.2"})]
    assert ended(ask(kettle)).state == State.DONE


def test_an_endless_answer_ends_and_says_so(kettle, server, model):
    server.habits.fault = "endless"
    ChatModel.objects.filter(pk=model.pk).update(answer_tokens=16)
    message = ended(ask(kettle))
    assert message.state == State.DONE and "cut off" in message.notes[-1]
    assert server.asked[-1].ended.wait(WAIT) and server.asked[-1].hung_up


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1d"])
def test_a_sign_that_ends_lines_elsewhere_breaks_no_stream(kettle, server, model, sign):
    server.habits = Habits(pieces=("The kettle is", sign, "descaled monthly [1]."), pace=0.1)
    lines = list(answer_lane.stream(f"signs-{uuid.uuid4()}", model.pk, [{"role": "user", "content": "Go on"}], 1))
    assert "".join(line.get("text", "") for line in lines) == f"The kettle is{sign}descaled monthly [1]."
    assert lines[-1]["ending"]["state"] == "done"


def test_no_model_is_asked_where_nothing_answers(kettle, server, model):
    message = ask(kettle, "Who discovered the rings of Saturn through a telescope?")
    assert (message.state, message.is_answered, message.answer) == (State.DONE, False, "")
    assert server.asked == []


def test_an_answer_goes_on_when_the_page_is_closed_and_is_there_when_it_opens(kettle, server, model):
    server.habits.pace = 0.3
    message = ask(kettle)
    page = kettle.client.get(f"/messages/{message.pk}/events")
    next(iter(page.streaming_content))
    page.close()
    assert "".join(ended(message).answer) == "The kettle is descaled monthly [1]."
    assert server.asked[-1].hung_up is None


def test_answers_leave_no_connection_and_no_file_open(service, server, model):
    def some(count: int) -> None:
        for _ in range(count):
            name = f"many-{uuid.uuid4()}"
            list(answer_lane.stream(name, model.pk, [{"role": "user", "content": "Go on"}], 0))

    some(10)
    before = service.files()
    some(30)
    until(lambda: service.files() <= before + 2, WAIT, f"files to be closed: {before} before, {service.files()} now")


def test_a_killed_process_is_noticed_and_the_answer_ended(kettle, server, model, service):
    server.habits.fault = "hangs"
    server.habits.pace = 0.1
    message = ask(kettle)
    begun(server, 2)
    service.end(signal.SIGKILL)
    events = events_of(kettle, message)
    assert "event: end" not in events and "retry:" in events
    until(lambda: end_abandoned() and ended(message), WAIT, "the sweep to end it")
    assert (message.state, message.answer) == (State.FAILED, f"{TEXT} [1]")
    assert "in the middle" in message.notes[-1]
    assert "event: end" in events_of(kettle, message)


def test_without_the_process_a_question_is_answered_at_once_from_the_passages(kettle, model, service):
    if service.process.poll() is None:
        service.end()
    message = ask(kettle)
    assert (message.state, message.answer) == (State.FAILED, f"{TEXT} [1]")
    assert "does not answer" in message.notes[-1]


def test_at_sigterm_what_is_written_is_kept(kettle, server, model, service):
    server.habits = Habits(pace=0.05, fault="endless")
    ChatModel.objects.filter(pk=model.pk).update(answer_tokens=4000)
    message = ask(kettle)
    begun(server, 4)
    service.end(signal.SIGTERM)
    assert not psutil.pid_exists(service.process.pid) or service.process.returncode is not None
    message.refresh_from_db()
    assert message.state == State.STOPPED
    assert message.answer.startswith("The kettle is descaled")


def test_a_follow_up_is_made_whole_by_the_model_before_it_is_searched(kettle, server, model):
    first = ended(ask(kettle))
    server.habits.pieces = ("How often is", " the kettle descaled with vinegar?")
    second = ended(ask(kettle, "And with vinegar?", conversation=str(first.conversation_id)))
    assert second.searched == "How often is the kettle descaled with vinegar?"
    rewriting, answering = server.asked[-2:]
    assert rewriting.body["messages"][-1]["content"] == "And with vinegar?"
    assert [turn["role"] for turn in answering.body["messages"]] == ["system", "user", "assistant", "user"]
    assert Conversation.objects.get(pk=first.conversation_id).messages.count() == 2
