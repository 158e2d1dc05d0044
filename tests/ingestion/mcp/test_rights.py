"""A program gets over MCP what its person may and its key allows, and nothing else."""

import asyncio

import httpx
import pytest
from django.utils import timezone

from kb.models import ApiKey, Document, KnowledgeBase
from search.answer_relay import relay
from tests.ingestion.mcp.conftest import connected
from tests.ingestion.mcp.test_tools import NOWHERE, sentence

pytestmark = pytest.mark.django_db(transaction=True)
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


def post(live_server, secret="", **headers):
    keyed = {"Authorization": f"Bearer {secret}"} if secret else {}
    return httpx.post(f"{live_server.url}/mcp", json=PING, headers={**ACCEPT, **keyed, **headers}, timeout=60)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("read_document", {"document": "{document}"}),
        ("search", {"query": "kettle", "knowledge_bases": ["{base}"]}),
        ("ask", {"question": "How often is the kettle descaled with vinegar?", "knowledge_bases": ["{base}"]}),
        ("add_document", {"knowledge_base": "{base}", "title": "Mine", "text": "Mine."}),
    ],
)
def test_a_strangers_ids_are_as_if_they_were_not_there(call, charlie, rules, handbook, tool, arguments):
    names = {"{document}": str(rules.pk), "{base}": str(handbook.pk)}

    def named(ids):
        return {
            name: [ids[one] for one in value] if isinstance(value, list) else ids.get(value, value)
            for name, value in arguments.items()
        }

    theirs = sentence(call(charlie, tool, named(names)))
    assert theirs == sentence(call(charlie, tool, named(dict.fromkeys(names, NOWHERE))))
    assert theirs == "There is nothing here, or it is not yours to see."
    assert Document.objects.count() == 1


def test_a_stranger_finds_nothing(talk, charlie, rules):
    async def look(client):
        found = await client.call_tool("search", {"query": "kettle"})
        listed = await client.call_tool("list_knowledge_bases", {})
        return found, listed, (await client.list_resources()).resources, (await client.list_tools()).tools

    found, listed, resources, tools = talk(charlie, look)
    assert found.structured_content["passages"] == []
    assert listed.structured_content == {"knowledge_bases": []}
    assert resources == []
    assert "add_document" not in {tool.name for tool in tools}


def test_a_viewer_cannot_add(call, bob, rules, handbook):
    arguments = {"knowledge_base": str(handbook.pk), "title": "Mine", "text": "Mine."}
    assert "not yours to see" in sentence(call(bob, "add_document", arguments))


def test_a_key_to_read_neither_adds_nor_asks(talk, alice, rules, handbook):
    async def tried(client):
        added = await client.call_tool(
            "add_document", {"knowledge_base": str(handbook.pk), "title": "Mine", "text": "Mine."}
        )
        return (await client.list_tools()).tools, added, await client.call_tool("ask", {"question": "Kettle?"})

    tools, added, asked = talk(alice, tried, scopes=["read"])
    assert {tool.name for tool in tools} == {"search", "list_knowledge_bases", "read_document"}
    assert "“write”" in sentence(added)
    assert "“ask”" in sentence(asked)
    assert Document.objects.count() == 1


def test_a_key_for_one_knowledge_base_sees_no_other(call, alice, rules):
    other = KnowledgeBase.objects.create(name="Other", created_by=alice, open_to_everyone=True)
    listed = call(alice, "list_knowledge_bases", knowledge_bases=[other]).structured_content["knowledge_bases"]
    assert [one["name"] for one in listed] == ["Other"]
    found = call(alice, "search", {"query": "kettle"}, knowledge_bases=[other]).structured_content
    assert found["passages"] == []


def test_without_a_key_the_door_is_closed(live_server, answering, key_of, alice):
    assert post(live_server).headers["WWW-Authenticate"] == "Bearer"
    wrong = post(live_server, "lec_wrong")
    assert (wrong.status_code, wrong.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert "Bearer lec_" in wrong.json()["error"]["message"]
    expired = post(live_server, key_of(alice, expires_at=timezone.now()))
    assert expired.status_code == 401 and "expired" in expired.json()["error"]["message"]
    assert post(live_server, key_of(alice, scopes=["models"])).status_code == 403
    assert post(live_server, key_of(alice)).status_code == 200


def test_a_session_in_a_browser_is_no_key(client, alice):
    client.force_login(alice)
    assert client.post("/mcp", PING, content_type="application/json").status_code == 401


def test_the_process_behind_looks_at_the_key_again(answering, alice, key_of):
    for secret, status in ((key_of(alice), 200), ("lec_wrong", 401)):
        headers = {**ACCEPT, "Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        response = relay(
            "POST", "mcp/", headers=headers, content=b'{"jsonrpc":"2.0","id":1,"method":"ping"}', is_gone=lambda: False
        )
        response.read()
        response.close()
        assert response.status_code == status


def test_a_key_revoked_meanwhile_opens_nothing(live_server, answering, alice, key_of):
    secret = key_of(alice)
    assert post(live_server, secret).status_code == 200
    ApiKey.objects.update(revoked_at=timezone.now())
    assert post(live_server, secret).status_code == 401


def test_pages_of_other_sites_are_not_answered(live_server, answering, alice, key_of):
    secret = key_of(alice)
    assert post(live_server, secret, Origin="http://evil.example").status_code == 403
    assert post(live_server, secret, Origin="null").status_code == 403
    assert post(live_server, secret, Origin=live_server.url).status_code == 200


def test_there_are_no_sessions_to_follow_or_end(live_server, answering, alice, key_of):
    headers = {"Authorization": f"Bearer {key_of(alice)}", **ACCEPT}
    for method in ("GET", "DELETE"):
        refused = httpx.request(method, f"{live_server.url}/mcp", headers=headers)
        assert (refused.status_code, refused.headers["Allow"]) == (405, "POST")


def test_a_body_that_is_too_large_is_refused(live_server, answering, alice, key_of, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2**20
    headers = {"Authorization": f"Bearer {key_of(alice)}", **ACCEPT, "Content-Type": "application/json"}
    refused = httpx.post(f"{live_server.url}/mcp", content=b" " * (2**20 + 1), headers=headers)
    assert refused.status_code == 413
    assert "1 MB" in refused.json()["error"]["message"]


def test_a_process_that_is_away_is_said_so(live_server, folder, alice, key_of):
    away = post(live_server, key_of(alice))
    assert away.status_code == 503
    assert "does not answer" in away.json()["error"]["message"]


def test_many_clients_are_served_at_once(live_server, answering, rules, alice, bob, charlie, key_of):
    secrets = {person: key_of(person) for person in (alice, bob, charlie)}

    async def one(person):
        async with connected(f"{live_server.url}/mcp", secrets[person]) as client:
            found = (await client.call_tool("search", {"query": "kettle descaled"})).structured_content
            return person, [passage["document"] for passage in found["passages"]]

    async def all_at_once():
        return await asyncio.gather(*(one(person) for person in (alice, bob, charlie) * 3))

    for person, documents in asyncio.run(all_at_once()):
        assert documents == ([] if person == charlie else [str(rules.pk)])
