"""A key for one knowledge base sees nothing of another, on any route of the API, whatever its person may."""

import json

import pytest

from kb.models import ApiKey, KnowledgeBase, Membership, Role
from tests.access import table
from tests.access.world import API, METHODS, assert_no_canary, client_for, send
from tests.kb.test_api_keys import client_of


@pytest.fixture
def other(alice):
    """Another knowledge base of Alice's, for which the key is."""
    made = KnowledgeBase.objects.create(name="Notes", created_by=alice)
    Membership.objects.create(knowledge_base=made, user=alice, role=Role.MANAGER)
    return made


@pytest.mark.parametrize(("route", "use"), API)
def test_a_key_for_another_knowledge_base_gets_404(world, alice, other, route, use):
    response = send(client_of(alice, knowledge_bases=[other]), world, route, use)
    assert response.status_code == 404
    assert_no_canary(response)


@pytest.mark.parametrize(("route", "use"), API)
def test_an_administrators_key_is_limited_as_well(world, admin, other, route, use):
    response = send(client_of(admin, knowledge_bases=[other]), world, route, use)
    assert response.status_code == 404
    assert_no_canary(response)


@pytest.mark.parametrize("route", sorted(table.WITH_KEY))
def test_what_names_no_knowledge_base_shows_nothing_of_the_others(world, alice, other, route):
    client = client_of(alice, knowledge_bases=[other])
    for method in METHODS:
        response = getattr(client, method)(f"/{route}")
        assert response.status_code < 500
        assert_no_canary(response)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("api/v1/search", {"query": "records kept", "mode": "keyword"}),
        ("api/v1/answer", {"question": "How long are records kept?", "mode": "keyword"}),
        ("v1/chat/completions", {"model": "lectern", "messages": [{"role": "user", "content": "records kept"}]}),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_neither_a_question_nor_a_chat_reaches_the_others(world, alice, other, path, body, named):
    if named:
        key = "model" if "chat" in path else "knowledge_bases"
        body = {**body, key: str(world.names["base"]) if key == "model" else [str(world.names["base"])]}
    client = client_of(alice, knowledge_bases=[other])
    response = client.post(f"/{path}", json.dumps(body), content_type="application/json")
    assert response.status_code == (404 if named else 200)
    assert_no_canary(response)


@pytest.mark.parametrize(("route", "use"), API)
def test_a_key_for_models_alone_opens_no_knowledge_base(world, alice, route, use):
    response = send(client_of(alice, scopes=[ApiKey.Scope.MODELS]), world, route, use)
    assert response.status_code == 403
    assert_no_canary(response)


@pytest.mark.parametrize(("route", "use"), API)
def test_a_key_to_read_changes_nothing(world, alice, route, use):
    response = send(client_of(alice, scopes=[ApiKey.Scope.READ]), world, route, use)
    response.close()
    assert response.status_code in ((200, 403) if use.method == "get" else (403,))


def test_a_person_signed_in_is_not_limited_by_a_key(world, alice, other):
    client_of(alice, knowledge_bases=[other], scopes=[ApiKey.Scope.READ])
    assert client_for(alice).get(f"/knowledge-bases/{world.names['base']}/").status_code == 200
