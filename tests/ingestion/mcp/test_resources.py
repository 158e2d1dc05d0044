"""Documents as resources, listed and read by the SDK's client."""

import asyncio
from datetime import timedelta

import pytest
from django.utils import timezone
from mcp.shared.exceptions import MCPError

from ingestion.mcp import resources
from kb.models import Document
from tests.ingestion.mcp.conftest import HEADING, connected
from tests.ingestion.mcp.test_tools import NOWHERE
from tests.search.openai_api.conftest import TEXTS

pytestmark = pytest.mark.django_db(transaction=True)
WHOLE = "\n\n".join((HEADING, *TEXTS))


def fault(held, *arguments) -> MCPError:
    """The error with which the protocol answers."""
    with pytest.raises((MCPError, ExceptionGroup)) as raised:
        held(*arguments)
    error = raised.value
    while isinstance(error, ExceptionGroup):
        (error,) = error.exceptions
    assert isinstance(error, MCPError)
    return error


def test_documents_are_listed_page_by_page(talk, bob, rules, handbook, monkeypatch):
    monkeypatch.setattr(resources, "PAGE", 2)
    made = [
        Document.objects.create(
            knowledge_base=handbook, title=f"Paper {n}", name=f"{n}.txt", media_type="text/plain", size=1,
            sha256=str(n), status=Document.Status.READY, created_at=timezone.now() - timedelta(days=n // 2 + 1),
        )
        for n in range(4)
    ]  # fmt: skip

    async def walk(client):
        pages, cursor = [], None
        while True:
            listed = await client.list_resources(cursor=cursor)
            pages.append(listed.resources)
            cursor = listed.next_cursor
            if cursor is None:
                return pages

    pages = talk(bob, walk)
    assert [len(page) for page in pages] == [2, 2, 1]
    uris = [one.uri for page in pages for one in page]
    assert set(uris) == {f"lectern://documents/{one.pk}" for one in (rules, *made)}
    assert (pages[0][0].uri, pages[0][0].title) == (f"lectern://documents/{rules.pk}", "House rules")


def test_what_is_not_read_yet_is_not_listed(talk, bob, rules):
    Document.objects.update(status=Document.Status.QUEUED)
    assert talk(bob, lambda client: client.list_resources()).resources == []


def test_a_document_and_a_page_are_read(talk, bob, rules):
    async def reads(client):
        uri = f"lectern://documents/{rules.pk}"
        return [(await client.read_resource(each)).contents[0] for each in (uri, f"{uri}?start=9", f"{uri}/pages/2")]

    whole, rest, page = talk(bob, reads)
    assert (whole.text, whole.mime_type, whole.uri) == (WHOLE, "text/plain", f"lectern://documents/{rules.pk}")
    assert rest.text == WHOLE[9:]
    assert page.text == TEXTS[1]


def test_a_long_document_says_where_it_goes_on(talk, bob, rules, monkeypatch):
    monkeypatch.setattr(resources, "MOST", 60)

    async def reads(client):
        text, uri = "", f"lectern://documents/{rules.pk}"
        while uri:
            (content,) = (await client.read_resource(uri)).contents
            text, uri = text + content.text, (content.meta or {}).get("next")
        return text

    assert talk(bob, reads) == WHOLE


def test_there_are_templates(talk, bob, rules):
    templates = talk(bob, lambda client: client.list_resource_templates()).resource_templates
    assert {one.uri_template for one in templates} == {
        "lectern://documents/{document}{?start}", "lectern://documents/{document}/pages/{page}"
    }  # fmt: skip


def test_a_strangers_document_is_as_if_it_were_not_there(talk, charlie, bob, rules, mode):
    errors = [
        fault(talk, person, lambda client, uri=uri: client.read_resource(uri))
        for person, uri in (
            (charlie, f"lectern://documents/{rules.pk}"),
            (charlie, f"lectern://documents/{NOWHERE}"),
            (bob, "lectern://documents/nonsense"),
            (bob, "file:///etc/passwd"),
        )
    ]
    assert {one.code for one in errors} == {-32002 if mode == "legacy" else -32602}
    assert {one.message for one in errors} == {"There is nothing here, or it is not yours to see."}


def test_a_cursor_that_nobody_gave_is_refused(talk, bob, rules):
    for cursor in ("nonsense", "bm9uZSBub25l"):
        error = fault(talk, bob, lambda client, cursor=cursor: client.list_resources(cursor=cursor))
        assert "cursor" in error.message


def test_a_tool_that_is_not_there_is_an_error_of_the_protocol(talk, bob, rules):
    error = fault(talk, bob, lambda client: client.call_tool("delete_everything", {}))
    assert (error.code, "There is no tool" in error.message) == (-32602, True)


def test_a_key_to_ask_reads_no_documents(key_of, live_server, answering, alice, rules):
    secret = key_of(alice, scopes=["ask"])

    async def tried():
        async with connected(f"{live_server.url}/mcp", secret) as client:
            await client.read_resource(f"lectern://documents/{rules.pk}")

    assert "“read”" in fault(asyncio.run, tried()).message
