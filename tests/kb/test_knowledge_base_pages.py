"""The shelf, a new knowledge base, its settings, its end."""

import pytest
from django.urls import reverse

from kb.models import Document, KnowledgeBase, Membership, Role

SETTINGS = {"name": "Handbook", "description": "", "open_to_everyone": ""}


def page(name, knowledge_base):
    return reverse(name, args=[knowledge_base.pk])


def put(knowledge_base, number, status="ready"):
    for i in range(number):
        Document.objects.create(
            knowledge_base=knowledge_base, title=f"{status} {i}", name="a.txt", media_type="text/plain", size=1,
            sha256=f"{knowledge_base.pk}{status}{i}"[-64:], status=status,
        )  # fmt: skip


def test_who_is_not_signed_in_is_asked_to(client, handbook):
    for name in ("knowledge_bases", "knowledge_base_create"):
        assert client.get(reverse(name)).url.startswith(reverse("login"))
    assert client.get(page("knowledge_base_settings", handbook)).url.startswith(reverse("login"))


def test_the_shelf_shows_what_the_person_may_read(client, handbook, alice, charlie):
    KnowledgeBase.objects.create(name="For everyone", open_to_everyone=True)
    client.force_login(alice)
    assert "Handbook" in client.get(reverse("knowledge_bases")).text
    client.force_login(charlie)
    shelf = client.get(reverse("knowledge_bases")).text
    assert "Handbook" not in shelf
    assert "For everyone" in shelf


def test_the_shelf_counts_documents_without_deleted_ones(client, handbook, alice):
    put(handbook, 3)
    put(handbook, 1, "failed")
    Document.objects.filter(title="ready 0").update(deleted_at="2026-01-01T00:00Z")
    client.force_login(alice)
    text = client.get(reverse("knowledge_bases")).text
    assert "3 documents" in text
    assert "1 failed" in text


def test_the_shelf_says_what_the_person_may_do(client, handbook, alice, bob):
    client.force_login(alice)
    assert "You manage it" in client.get(reverse("knowledge_bases")).text
    client.force_login(bob)
    assert "You read" in client.get(reverse("knowledge_bases")).text


def test_an_empty_shelf_says_what_to_do_next(client, charlie):
    client.force_login(charlie)
    assert reverse("knowledge_base_create") in client.get(reverse("knowledge_bases")).text


def test_the_shelf_takes_as_many_queries_for_twenty_as_for_one(
    client, handbook, alice, django_assert_num_queries, django_assert_max_num_queries
):
    client.force_login(alice)
    with django_assert_max_num_queries(12) as seen:
        client.get(reverse("knowledge_bases"))
    for i in range(20):
        each = KnowledgeBase.objects.create(name=f"Shelf {i}")
        Membership.objects.create(knowledge_base=each, user=alice, role=Role.MANAGER)
        put(each, 2)
    with django_assert_num_queries(len(seen)):
        client.get(reverse("knowledge_bases"))


def test_whoever_makes_a_knowledge_base_manages_it(client, charlie):
    client.force_login(charlie)
    answer = client.post(reverse("knowledge_base_create"), {"name": " Notes ", "description": "Mine"})
    made = KnowledgeBase.objects.get()
    assert answer.url == made.get_absolute_url()
    assert (made.name, made.created_by, made.open_to_everyone) == ("Notes", charlie, False)
    assert made.memberships.get().role == Role.MANAGER


def test_a_knowledge_base_needs_a_name(client, charlie):
    client.force_login(charlie)
    answer = client.post(reverse("knowledge_base_create"), {"name": "  "})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert not KnowledgeBase.objects.exists()


def test_fields_that_nobody_offered_change_nothing(client, handbook, alice, charlie):
    client.force_login(alice)
    client.post(
        page("knowledge_base_settings", handbook),
        SETTINGS | {"chunk_tokens": 40, "deleted_at": "2026-01-01", "created_by": charlie.pk, "id": "x"},
    )
    handbook.refresh_from_db()
    assert (handbook.deleted_at, handbook.created_by, handbook.chunk_tokens) == (None, alice, 220)


@pytest.mark.parametrize("name", ["knowledge_base_settings", "knowledge_base_delete", "members"])
def test_bob_who_reads_and_charlie_get_404_where_managers_work(client, handbook, bob, charlie, name):
    for person in (bob, charlie):
        client.force_login(person)
        assert client.get(page(name, handbook)).status_code == 404
        assert client.post(page(name, handbook), SETTINGS).status_code == 404


def test_an_administrator_manages_everything(client, handbook, admin):
    client.force_login(admin)
    assert client.get(page("knowledge_base_settings", handbook)).status_code == 200
    assert client.get(page("members", handbook)).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": "x" * 121}, "120"),
        ({"name": ""}, "required"),
    ],
)
def test_wrong_settings_are_said_in_a_sentence(client, handbook, alice, wrong, sentence):
    client.force_login(alice)
    answer = client.post(page("knowledge_base_settings", handbook), SETTINGS | wrong)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "Handbook" in answer.text
    handbook.refresh_from_db()
    assert (handbook.name, handbook.chunk_tokens) == ("Handbook", 220)


def test_deleting_takes_typing_the_name(client, handbook, alice):
    client.force_login(alice)
    assert client.post(page("knowledge_base_delete", handbook), {"name": "handbook"}).status_code == 422
    handbook.refresh_from_db()
    assert handbook.deleted_at is None
    assert client.post(page("knowledge_base_delete", handbook), {"name": "Handbook"}).url == reverse("knowledge_bases")
    handbook.refresh_from_db()
    assert handbook.deleted_at is not None
    assert client.get(page("knowledge_base_settings", handbook)).status_code == 404
