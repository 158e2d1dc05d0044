"""A key does what it is for, as long and as often as it may, where it may."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from kb import calls_a_minute
from kb.models import ApiKey, KnowledgeBase, Membership, Role, digest_of
from tests.kb.redis_server import RedisServer

NEW = {"name": "script", "scopes": ApiKey.Scope.values, "days": 0, "calls_a_minute": 0}


def client_of(user, **limits) -> Client:
    return Client(headers={"authorization": f"Bearer {ApiKey.issue(user, 'test', **limits)[1]}"})


def message(response) -> str:
    return response.json()["error"]["message"]


@pytest.fixture
def notes(alice):
    """Alice's other knowledge base."""
    made = KnowledgeBase.objects.create(name="Notes", created_by=alice)
    Membership.objects.create(knowledge_base=made, user=alice, role=Role.MANAGER)
    return made


@pytest.fixture(scope="module")
def redis_here():
    server = RedisServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def counted(redis_here, settings, monkeypatch):
    """Calls are counted in a Redis of our own."""
    settings.KB_REDIS_URL = redis_here.url
    monkeypatch.setattr(calls_a_minute, "_resting_until", 0.0)
    yield settings
    calls_a_minute._clients.of(redis_here.url).flushall()


CALLS = {
    "read": ("get", "/knowledge-bases", None),
    "ask": ("post", "/answer", {"question": "Anything?", "mode": "keyword"}),
    "write": ("delete", "/documents/00000000-0000-4000-8000-000000000000", None),
    "manage": ("post", "/knowledge-bases", {"name": "Another"}),
}


@pytest.mark.parametrize("wanted", CALLS)
@pytest.mark.parametrize("given", CALLS)
def test_a_key_does_what_its_scope_names_and_nothing_else(alice, handbook, given, wanted):
    method, path, body = CALLS[wanted]
    send = getattr(client_of(alice, scopes=[given]), method)
    response = send(f"/api/v1{path}", json.dumps(body) if body else None, content_type="application/json")
    if given == wanted:
        assert response.status_code in (200, 201, 404)
    else:
        assert response.status_code == 403
        assert response.json()["error"]["code"] == "scope"
        assert f"“{wanted}”" in message(response)


def test_a_key_without_scopes_does_all(alice, handbook):
    for method, path, body in CALLS.values():
        send = getattr(client_of(alice), method)
        response = send(f"/api/v1{path}", json.dumps(body) if body else None, content_type="application/json")
        assert response.status_code in (200, 201, 404)


def test_reading_settings_takes_the_scope_to_change_them(alice, handbook):
    path = f"/api/v1/knowledge-bases/{handbook.pk}/search-settings"
    assert client_of(alice, scopes=["read"]).get(path).status_code == 403
    assert client_of(alice, scopes=["manage"]).get(path).status_code == 200


def test_an_expired_key_says_so(alice):
    client = client_of(alice, expires_at=timezone.now() + timedelta(hours=1))
    assert client.get("/api/v1/knowledge-bases").status_code == 200
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    response = client.get("/api/v1/knowledge-bases")
    assert (response.status_code, response.json()["error"]["code"]) == (401, "expired")
    assert "expired on" in message(response)


def test_a_key_for_one_knowledge_base_sees_no_other(alice, handbook, notes):
    client = client_of(alice, knowledge_bases=[notes])
    listed = client.get("/api/v1/knowledge-bases").json()["knowledge_bases"]
    assert [one["name"] for one in listed] == ["Notes"]
    assert client.get(f"/api/v1/knowledge-bases/{handbook.pk}").status_code == 404
    assert client.delete(f"/api/v1/knowledge-bases/{handbook.pk}").status_code == 404
    made = client.post("/api/v1/knowledge-bases", json.dumps({"name": "More"}), content_type="application/json")
    assert made.status_code == 403
    assert not KnowledgeBase.objects.filter(name="More").exists()


def test_a_key_whose_only_knowledge_base_is_gone_sees_none(alice, handbook, notes):
    client = client_of(alice, knowledge_bases=[notes])
    notes.delete()
    assert client.get("/api/v1/knowledge-bases").json()["knowledge_bases"] == []


def test_a_key_never_opens_more_than_its_person_may(charlie, handbook):
    client = client_of(charlie, knowledge_bases=[handbook])
    assert client.get(f"/api/v1/knowledge-bases/{handbook.pk}").status_code == 404


def test_a_key_that_calls_too_often_is_told_when_to_come_again(alice, counted):
    hasty, other = client_of(alice, calls_a_minute=2), client_of(alice, calls_a_minute=2)
    assert [hasty.get("/api/v1/knowledge-bases").status_code for _ in range(4)] == [200, 200, 429, 429]
    response = hasty.get("/api/v1/knowledge-bases")
    assert 1 <= int(response["Retry-After"]) <= 60
    assert response.json()["error"]["code"] == "too_many"
    assert "2 calls a minute" in message(response)
    assert other.get("/api/v1/knowledge-bases").status_code == 200


def test_the_installations_limit_is_that_of_every_key(alice, counted):
    counted.KB_API_CALLS_A_MINUTE = 1
    for limit in (0, 50):
        client = client_of(alice, calls_a_minute=limit)
        assert [client.get("/api/v1/knowledge-bases").status_code for _ in range(2)] == [200, 429]
    counted.KB_API_CALLS_A_MINUTE = 0
    client = client_of(alice)
    assert {client.get("/api/v1/knowledge-bases").status_code for _ in range(5)} == {200}


def test_without_redis_every_call_may_go_on(alice, settings, tmp_path, monkeypatch):
    settings.KB_REDIS_URL = f"redis+socket://{tmp_path}/none.sock"
    monkeypatch.setattr(calls_a_minute, "_resting_until", 0.0)
    client = client_of(alice, calls_a_minute=1)
    assert {client.get("/api/v1/knowledge-bases").status_code for _ in range(3)} == {200}


def test_alice_limits_a_new_key_on_her_account_page(client, alice, handbook, charlie):
    secret_base = KnowledgeBase.objects.create(name="Charlie's", created_by=charlie)
    client.force_login(alice)
    page = client.get(reverse("account")).text
    assert "Handbook" in page
    assert "Charlie&#x27;s" not in page
    chosen = {"name": "reader", "scopes": ["read", "ask"], "days": 30, "calls_a_minute": 7}
    page = client.post(reverse("api_key_create"), chosen | {"knowledge_bases": [str(handbook.pk)]})
    assert page.status_code == 201
    key = ApiKey.objects.get()
    assert (key.scopes, key.calls_a_minute, key.is_limited) == (["read", "ask"], 7, True)
    assert list(key.knowledge_bases.all()) == [handbook]
    assert timedelta(days=29) < key.expires_at - timezone.now() < timedelta(days=31)
    for shown in ("7 calls a minute", "only in:", "may only:", "search, read documents"):
        assert shown in page.text
    assert client.post(reverse("api_key_create"), NEW | {"knowledge_bases": [str(secret_base.pk)]}).status_code == 422


@pytest.mark.parametrize("wrong", [{"scopes": []}, {"scopes": ["fly"]}, {"days": 7}, {"calls_a_minute": -1}])
def test_a_key_that_makes_no_sense_is_not_made(client, alice, wrong):
    client.force_login(alice)
    assert client.post(reverse("api_key_create"), NEW | wrong).status_code == 422
    assert not ApiKey.objects.exists()


def test_all_scopes_are_kept_as_none(client, alice):
    client.force_login(alice)
    client.post(reverse("api_key_create"), NEW)
    key = ApiKey.objects.get()
    assert (key.scopes, key.expires_at, key.is_limited) == ([], None, False)


def test_the_command_line_makes_limited_keys(alice, handbook):
    out = StringIO()
    options = ["--scope", "read", "--scope", "models", "--days", "3", "--calls-a-minute", "9"]
    call_command("create_api_key", "alice", *options, "--knowledge-base", "Handbook", stdout=out)
    key = ApiKey.objects.get(digest=digest_of(out.getvalue().strip()))
    assert (key.scopes, key.calls_a_minute) == (["read", "models"], 9)
    assert key.expires_at < timezone.now() + timedelta(days=4)
    assert list(key.knowledge_bases.all()) == [handbook]


@pytest.mark.parametrize("options", [["--knowledge-base", "Nowhere"], ["--days", "-1"], ["--calls-a-minute", "-1"]])
def test_the_command_line_refuses_what_makes_no_sense(alice, handbook, options):
    with pytest.raises(CommandError):
        call_command("create_api_key", "alice", *options)
    assert not ApiKey.objects.exists()
