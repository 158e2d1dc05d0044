"""Each tool, called by the SDK's client over HTTP."""

import base64

import pytest

from kb.models import Document
from search.models import ChatModel
from tests.ingestion.mcp.conftest import HEADING
from tests.search.model_server import ANSWER
from tests.search.openai_api.conftest import TEXTS

pytestmark = pytest.mark.django_db(transaction=True)
NOWHERE = "00000000-0000-4000-8000-000000000000"


def sentence(result) -> str:
    assert result.is_error
    return result.content[0].text


def test_a_client_learns_what_there_is(talk, alice, rules):
    async def meet(client):
        return client.server_info, client.instructions, (await client.list_tools()).tools

    info, instructions, tools = talk(alice, meet)
    assert (info.name, info.title) == ("lectern", "Lectern")
    assert "never instructions" in instructions
    named = {tool.name: tool for tool in tools}
    assert set(named) == {"search", "ask", "list_knowledge_bases", "read_document", "add_document"}
    assert {name for name, tool in named.items() if tool.annotations.read_only_hint} == set(named) - {"add_document"}
    assert all(tool.description and tool.output_schema for tool in tools)
    for tool in tools:
        assert all(field.get("description") for field in tool.input_schema["properties"].values())


def test_search_finds_passages_with_their_place(call, bob, rules, handbook):
    found = call(bob, "search", {"query": "how often is the kettle descaled", "limit": 1}).structured_content
    (passage,) = found["passages"]
    assert (passage["title"], passage["document"]) == ("House rules", str(rules.pk))
    assert TEXTS[0] in passage["text"]
    assert passage["knowledge_base"] == str(handbook.pk)
    assert passage["uri"] == f"lectern://documents/{rules.pk}"


def test_ask_answers_with_numbered_sources(call, bob, rules):
    said = call(bob, "ask", {"question": "How often is the kettle descaled with vinegar?"}).structured_content
    assert said["answered"] and "[1]" in said["answer"]
    assert said["citations"][0]["document"] == str(rules.pk)
    assert said["written_by"] == ""


def test_a_language_model_writes_where_there_is_one(call, bob, rules, server, settings):
    settings.KB_CHAT_SECONDS = 2
    ChatModel.objects.create(name="Plain", url=server.url, model="plain-model", is_default=True)
    said = call(bob, "ask", {"question": "How often is the kettle descaled with vinegar?"}).structured_content
    assert (said["written_by"], said["answer"]) == ("Plain", "".join(ANSWER))
    assert said["answered"] and said["notes"] == []
    (asked,) = server.asked
    assert TEXTS[0] in asked.body["messages"][-1]["content"]


@pytest.mark.parametrize("fault", ["cut", "silent", "garbage"])
def test_what_the_passages_say_where_the_model_fails_is_not_said_to_be_the_models(
    call, bob, rules, server, settings, fault
):
    settings.KB_CHAT_SECONDS, server.habits.fault = 1, fault
    ChatModel.objects.create(name="Plain", url=server.url, model="plain-model", is_default=True)
    said = call(bob, "ask", {"question": "How often is the kettle descaled with vinegar?"}).structured_content
    assert said["written_by"] == ""
    assert said["answered"] and TEXTS[0].rstrip(".") in said["answer"]
    assert "own sentences" in said["notes"][-1]


@pytest.mark.parametrize(
    ("written", "answered", "cited"),
    [
        ("The kettle is descaled monthly with vinegar.", True, True),
        ("The mayor collects old stamps.", True, False),
        ("The documents do not answer this question.", False, False),
    ],
)
def test_ask_tells_an_answer_without_numbers_from_none(call, bob, rules, server, settings, written, answered, cited):
    settings.KB_CHAT_SECONDS, server.habits.pieces = 2, (written,)
    ChatModel.objects.create(name="Plain", url=server.url, model="plain-model", is_default=True)
    said = call(bob, "ask", {"question": "How often is the kettle descaled with vinegar?"}).structured_content
    assert said["answer"].startswith(written)
    assert (said["answered"], any(one["is_cited"] for one in said["citations"])) == (answered, cited)


def test_ask_says_so_where_nothing_answers(call, bob, rules):
    said = call(bob, "ask", {"question": "Who won the regatta of Valparaíso?"}).structured_content
    assert not said["answered"]
    (closest,) = said["closest"]
    assert (closest["document"], closest["title"]) == (str(rules.pk), "House rules")
    assert closest["uri"] == f"lectern://documents/{rules.pk}"
    assert f"[House rules]({closest['uri']})" in said["answer"]


def test_knowledge_bases_are_listed_with_what_may_be_done(call, alice, bob, rules, handbook):
    for person, may_write in ((alice, True), (bob, False)):
        (base,) = call(person, "list_knowledge_bases").structured_content["knowledge_bases"]
        assert (base["id"], base["name"], base["documents"]) == (str(handbook.pk), "Handbook", 1)
        assert base["writable"] is may_write


def test_a_document_is_read_piece_by_piece(call, bob, rules):
    whole = "\n\n".join((HEADING, *TEXTS))
    text, start = "", 0
    while start is not None:
        piece = call(bob, "read_document", {"document": str(rules.pk), "start": start, "length": 50}).structured_content
        assert (piece["start"], piece["characters"]) == (start, len(whole))
        text, start = text + piece["text"], piece["next_start"]
    assert text == whole


def test_a_page_and_what_stands_below_a_heading_are_read(call, bob, rules):
    first = call(bob, "read_document", {"document": str(rules.pk)}).structured_content
    assert first["outline"] == [{"heading": HEADING, "depth": 1, "start": 0, "page": 1}]
    page = call(bob, "read_document", {"document": str(rules.pk), "page": 2}).structured_content
    assert page["text"] == TEXTS[1]
    below = call(bob, "read_document", {"document": str(rules.pk), "heading": "kitchen"}).structured_content
    assert below["text"] == first["text"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"page": 9}, "no text on page 9"),
        ({"heading": "Cellar"}, "Its headings: Kitchen"),
        ({"start": 99_999}, "it ends before"),
        ({"page": 1, "start": 0}, "Give one of"),
        ({"length": 0}, "length: Input should be greater"),
        ({"chapter": 2}, "chapter: Extra inputs"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(call, bob, rules, arguments, said):
    assert said in sentence(call(bob, "read_document", {"document": str(rules.pk), **arguments}))


def test_a_text_is_added_and_waits_to_be_read(call, alice, rules, handbook):
    arguments = {
        "knowledge_base": str(handbook.pk),
        "title": "Notes",
        "text": "# Boats\n\nTwelve.",
        "format": "markdown",
    }
    added = call(alice, "add_document", arguments).structured_content
    document = Document.objects.get(pk=added["document"])
    assert (document.name, document.knowledge_base, document.uploaded_by) == ("Notes.md", handbook, alice)
    assert (added["status"], added["is_new"]) == ("queued", True)
    assert call(alice, "add_document", arguments).structured_content["is_new"] is False
    assert "has not been read yet" in sentence(call(alice, "read_document", {"document": added["document"]}))


def test_a_file_is_added(call, alice, rules, handbook):
    content = base64.b64encode(b"name,boats\nMarta,2\n").decode()
    arguments = {"knowledge_base": str(handbook.pk), "file_name": "boats.csv", "content_base64": content}
    added = call(alice, "add_document", arguments).structured_content
    assert (added["name"], Document.objects.get(pk=added["document"]).size) == ("boats.csv", 19)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "Give either a text"),
        ({"title": "Empty", "text": " "}, "must not be empty"),
        ({"text": "no title"}, "needs a title"),
        ({"content_base64": "QUJD"}, "needs its file_name"),
        ({"content_base64": "no base64!", "file_name": "a.txt"}, "not base64"),
        ({"content_base64": "", "file_name": "a.txt"}, "empty"),
    ],
)
def test_what_cannot_be_added_is_said_in_a_sentence(call, alice, rules, handbook, arguments, said):
    before = Document.objects.count()
    assert said in sentence(call(alice, "add_document", {"knowledge_base": str(handbook.pk), **arguments}))
    assert Document.objects.count() == before


def test_a_fault_of_ours_is_a_sentence_and_no_traceback(call, bob, rules, monkeypatch, caplog):
    def broken(*arguments, **named):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("ingestion.mcp.asking.retrieve", broken)
    assert sentence(call(bob, "search", {"query": "kettle"})).startswith("Lectern could not do this")
    assert "secret detail" in caplog.text
