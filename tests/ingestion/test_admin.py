"""Administrators look after everything in the panel."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from ingestion import dashboard, watch
from kb.beats import beat
from kb.models import ApiKey, Document, Invitation, KnowledgeBase, Membership, User
from search.models import Conversation, Index, IndexCheck
from tests.search.library import add_document, make_index

LISTS = [
    "kb_user", "auth_group", "kb_knowledgebase", "kb_membership", "kb_invitation", "kb_apikey", "kb_document",
    "kb_chunk", "search_index", "search_preset", "search_indexcheck",
]  # fmt: skip


@pytest.fixture
def panel(admin, client):
    client.force_login(admin)
    return client


def fill(n: int) -> None:
    """`n` of everything that is listed."""
    for number in range(n):
        number += User.objects.count() * 100
        user = User.objects.create_user(f"user{number}")
        base = KnowledgeBase.objects.create(name=f"Base {number}", created_by=user)
        Membership.objects.create(knowledge_base=base, user=user)
        index = make_index(base)
        add_document(index, "One passage.", "Another.", title=f"Document {number}")
        ApiKey.issue(user, "script")
        IndexCheck.objects.create(knowledge_base=base)
        Invitation.objects.create(
            token_digest=f"{number}", knowledge_base=base, invited_by=user, expires_at=timezone.now()
        )


def queries(client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_however_long(panel, name):
    address = reverse(f"admin:{name}_changelist")
    fill(2)
    panel.get(address)  # what is remembered for the process
    few = queries(panel, address)
    fill(6)
    assert queries(panel, address) <= few


@pytest.mark.parametrize("name", LISTS)
def test_each_thing_opens(panel, name):
    Group.objects.create(name="Team")
    fill(1)
    model = apps.get_model(*name.split("_"))
    address = reverse(f"admin:{name}_change", args=[model.objects.first().pk])
    assert panel.get(address).status_code == 200


def act(panel, name: str, action: str, *chosen):
    data = {"action": action, "_selected_action": [each.pk for each in chosen]}
    return panel.post(reverse(f"admin:{name}_changelist"), data, follow=True)


@pytest.mark.parametrize(
    ("status", "action", "then"),
    [
        ("failed", "retry", "queued"),
        ("ready", "retry", "ready"),
        ("ready", "reingest", "queued"),
        ("queued", "cancel", "cancelled"),
        ("ready", "cancel", "ready"),
    ],
)
def test_documents_are_acted_upon_in_bulk(panel, handbook, status, action, then):
    index = make_index(handbook)
    documents = [add_document(index, "Words.", title=f"{n}") for n in range(2)]
    Document.objects.update(status=status)
    response = act(panel, "kb_document", action, *documents)
    assert set(Document.objects.values_list("status", flat=True)) == {then}
    said = "Done for 2 documents." if then != status else "Done for 0 documents. 2 were left as they are."
    assert said in response.content.decode()


def test_deleting_documents_hides_them_at_once(panel, handbook):
    documents = [add_document(make_index(handbook), "Words.")]
    data = {"action": "delete_selected", "_selected_action": [each.pk for each in documents], "post": "yes"}
    panel.post(reverse("admin:kb_document_changelist"), data)
    assert Document.objects.get().deleted_at is not None


def test_deleting_a_knowledge_base_hides_it_and_keeps_its_rows_for_the_reconciler(panel, handbook):
    add_document(make_index(handbook), "Words.")
    address = reverse("admin:kb_knowledgebase_delete", args=[handbook.pk])
    assert "Handbook with 1 document" in panel.get(address).content.decode()
    panel.post(address, {"post": "yes"})
    handbook.refresh_from_db()
    assert handbook.deleted_at is not None
    assert Document.objects.exists()


def test_a_key_is_revoked(panel, alice):
    key, _secret = ApiKey.issue(alice, "script")
    act(panel, "kb_apikey", "revoke", key)
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_an_index_is_rebuilt_on_request(panel, handbook):
    index = make_index(handbook)
    act(panel, "search_index", "rebuild", index)
    index.refresh_from_db()
    assert not index.store_ready


def test_a_member_is_a_user_or_a_group(panel, alice, handbook):
    data = {"knowledge_base": handbook.pk, "user": "", "group": "", "role": "viewer"}
    page = panel.post(reverse("admin:kb_membership_add"), data).content.decode()
    assert "Choose a user or a group, and not both." in page


def test_conversations_are_private(panel, alice):
    Conversation.objects.create(user=alice, title="My salary")
    assert "My salary" not in panel.get(reverse("admin:index")).content.decode()
    assert panel.get("/admin/search/conversation/").status_code == 404


def test_the_panel_loads_nothing_from_elsewhere(panel):
    response = panel.get(reverse("admin:index"))
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self' 'unsafe-eval'"
    assert not any("http" in sources for sources in policy.values())
    assert "unsafe" not in panel.get("/account/")["Content-Security-Policy"]


# --- the dashboard ---------------------------------------------------------------------------------


def test_the_dashboard_counts_what_is_there(handbook):
    index = make_index(handbook)
    for title in ("a", "b", "c"):
        add_document(index, "One.", "Two.", title=title)
    Document.objects.filter(title="a").update(ready_at=timezone.now())
    Document.objects.filter(title="b").update(status="failed", error="It is damaged.")
    waiting_since = timezone.now() - timedelta(hours=1)
    Document.objects.filter(title="c").update(status="queued", stage="embedding", created_at=waiting_since)
    assert {each["status"]: each["n"] for each in dashboard.by_status() if each["n"]} == {
        "ready": 1,
        "failed": 1,
        "queued": 1,
    }
    queue = dashboard.queue()
    assert (queue.to_parse, queue.to_embed, queue.running, queue.oldest) == (0, 1, 0, waiting_since)
    assert dashboard.failure_reasons() == [{"error": "It is damaged.", "n": 1}]
    hours = dashboard.throughput()
    assert len(hours) == 24
    assert (hours[-1].documents, hours[-1].chunks, hours[-1].documents_height) == (1, 6, 100)


def test_the_dashboard_leads_to_failures_and_to_indexes_being_rebuilt(panel, handbook):
    add_document(make_index(handbook), "One.")
    Document.objects.update(status="failed", error="This PDF is protected by a password.")
    Index.objects.update(store_ready=False)
    page = panel.get(reverse("admin:index")).content.decode()
    assert "This PDF is protected by a password." in page
    assert "status__exact=failed" in page
    assert reverse("admin:search_index_change", args=[Index.objects.get().pk]) in page


def test_services_that_are_away_are_said_to_be_down(db, settings):
    settings.KB_CHROMA_URL = "http://127.0.0.1:9"
    beat("reconciler")
    seen = {service.name: service for service in watch.services()}
    assert seen["Reconciler"].is_up
    assert not seen["Parse worker"].is_up
    assert not seen["Vector store"].is_up
    assert not seen["Writing of answers"].is_up
    assert seen["Message broker (Redis)"].detail == "does not answer (it was not started)"
