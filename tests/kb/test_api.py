"""Programs act for a person by a key, over /api/v1."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from kb.models import ApiKey, Document, KnowledgeBase, Role


def client_of(user) -> Client:
    return Client(headers={"authorization": f"Bearer {ApiKey.issue(user, 'test')[1]}"})


@pytest.fixture
def as_alice(alice):
    return client_of(alice)


@pytest.fixture
def as_bob(bob):
    return client_of(bob)


@pytest.fixture
def as_charlie(charlie):
    return client_of(charlie)


def send(client, method, path, body=None):
    extra = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
    return getattr(client, method)(f"/api/v1{path}", **extra)


def message(response) -> str:
    return response.json()["error"]["message"]


def test_without_a_key_nothing_is_answered(alice, client):
    response = client.get("/api/v1/knowledge-bases")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert "API key" in message(response)


def test_a_method_that_an_address_does_not_take_is_told_in_the_form_of_all_errors(as_alice):
    response = as_alice.put("/api/v1/knowledge-bases")
    assert (response.status_code, response["Allow"]) == (405, "GET, POST")
    assert response.json() == {"error": {"code": "method_not_allowed", "message": "This address takes GET, POST only."}}


def test_a_session_does_not_stand_in_for_a_key(alice, client):
    client.force_login(alice)
    assert client.get("/api/v1/knowledge-bases").status_code == 401


@pytest.mark.parametrize("header", [{"authorization": "Bearer {}"}, {"x-api-key": "{}"}])
def test_both_headers_take_the_same_key(alice, handbook, client, header):
    secret = ApiKey.issue(alice, "test")[1]
    response = client.get("/api/v1/knowledge-bases", headers={k: v.format(secret) for k, v in header.items()})
    assert [each["name"] for each in response.json()["knowledge_bases"]] == ["Handbook"]
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_a_revoked_key_opens_nothing(alice, client, header):
    key, secret = ApiKey.issue(alice, "test")
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    value = f"Bearer {secret}" if header == "authorization" else secret
    assert client.get("/api/v1/knowledge-bases", headers={header: value}).status_code == 401


def test_the_key_of_someone_who_may_not_sign_in_opens_nothing(alice, as_alice):
    alice.is_active = False
    alice.save()
    assert as_alice.get("/api/v1/knowledge-bases").status_code == 401


def test_the_use_of_a_key_is_noted_once_a_minute(alice, as_alice, django_assert_num_queries):
    key = ApiKey.objects.get()
    as_alice.get("/api/v1/knowledge-bases")
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None
    as_alice.get("/api/v1/knowledge-bases")
    key.refresh_from_db()
    assert key.last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    as_alice.get("/api/v1/knowledge-bases")
    key.refresh_from_db()
    assert key.last_used_at > first


def test_alice_makes_a_knowledge_base_and_manages_it(alice, as_alice):
    response = send(as_alice, "post", "/knowledge-bases", {"name": " Field notes ", "description": "Birds"})
    assert response.status_code == 201
    made = response.json()
    assert (made["name"], made["description"], made["documents"]) == ("Field notes", "Birds", 0)
    assert KnowledgeBase.objects.get(pk=made["id"]).memberships.get().role == Role.MANAGER
    changed = send(as_alice, "patch", f"/knowledge-bases/{made['id']}", {"name": "Notes"})
    assert (changed.json()["name"], changed.json()["description"]) == ("Notes", "Birds")
    assert send(as_alice, "delete", f"/knowledge-bases/{made['id']}").status_code == 204
    assert send(as_alice, "get", f"/knowledge-bases/{made['id']}").status_code == 404


def test_bob_reads_but_does_not_manage(handbook, as_bob):
    path = f"/knowledge-bases/{handbook.pk}"
    assert send(as_bob, "get", path).json()["name"] == "Handbook"
    assert send(as_bob, "patch", path, {"name": "Mine"}).status_code == 404
    assert send(as_bob, "delete", path).status_code == 404
    handbook.refresh_from_db()
    assert (handbook.name, handbook.deleted_at) == ("Handbook", None)


def test_charlie_sees_nothing_of_it(handbook, as_charlie):
    assert send(as_charlie, "get", "/knowledge-bases").json() == {"knowledge_bases": []}
    response = send(as_charlie, "get", f"/knowledge-bases/{handbook.pk}")
    assert response.status_code == 404
    assert message(response) == "There is nothing here, or it is not yours to see."


def test_counts_leave_deleted_documents_out(alice, handbook, as_alice):
    common = {"knowledge_base": handbook, "media_type": "text/plain", "size": 1}
    Document.objects.create(title="a", name="a", sha256="a" * 64, status="ready", **common)
    Document.objects.create(title="b", name="b", sha256="b" * 64, **common)
    Document.objects.create(title="c", name="c", sha256="c" * 64, deleted_at=timezone.now(), **common)
    found = send(as_alice, "get", f"/knowledge-bases/{handbook.pk}").json()
    assert (found["documents"], found["documents_ready"]) == (2, 1)


@pytest.mark.parametrize(
    ("body", "said"),
    [({}, "name: Field required."), ({"name": "  "}, "name: "), ({"name": "a", "colour": 1}, "colour: Extra")],
)
def test_what_is_wrong_with_a_body_is_said(as_alice, body, said):
    response = send(as_alice, "post", "/knowledge-bases", body)
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "invalid"
    assert message(response).startswith(said)


def test_an_empty_change_changes_nothing(handbook, as_alice):
    assert send(as_alice, "patch", f"/knowledge-bases/{handbook.pk}", {}).json()["name"] == "Handbook"


def test_a_body_that_is_not_json_is_a_sentence(as_alice):
    response = as_alice.post("/api/v1/knowledge-bases", data="{", content_type="application/json")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_request")


def test_an_unknown_address_is_answered_in_the_same_form(alice, client):
    response = client.get("/api/v1/no-such-thing")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


def test_the_docs_load_nothing_from_elsewhere(alice, client):
    page = client.get("/api/v1/docs").content.decode()
    assert "http://" not in page
    assert "https://" not in page
    assert '"validatorUrl": null' in page


def test_the_description_names_every_address(alice, client):
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert set(paths["/api/v1/documents/{id}"]) == {"get", "delete"}
    assert {"/api/v1/search", "/api/v1/answer", "/api/v1/knowledge-bases/{id}/documents"} < set(paths)


def test_create_api_key_prints_a_key_that_works(alice, client):
    out = StringIO()
    call_command("create_api_key", "alice", "--name", "nightly", stdout=out)
    secret = out.getvalue().strip()
    assert client.get("/api/v1/knowledge-bases", headers={"x-api-key": secret}).status_code == 200
    assert ApiKey.objects.get().name == "nightly"


def test_create_api_key_knows_who_there_is(db):
    with pytest.raises(CommandError, match="no user"):
        call_command("create_api_key", "nobody")
