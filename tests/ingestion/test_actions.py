"""Cancel, retry, delete: one or many, by htmx or without, and by nobody who may not."""

import pytest
from django.urls import reverse

from kb.models import Document, KnowledgeBase
from tests.ingestion.shelf import a_document

HTMX = {"HX-Request": "true"}
Status = Document.Status


@pytest.fixture(autouse=True)
def no_broker(monkeypatch):
    monkeypatch.setattr("ingestion.queue.ring", lambda document: None)


def url(name: str, thing) -> str:
    return reverse(name, args=[thing.pk])


def status_of(document: Document) -> str:
    return Document.objects.get(pk=document.pk).status


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("document_cancel", Status.RUNNING, Status.CANCELLED),
        ("document_cancel", Status.READY, Status.READY),
        ("document_retry", Status.FAILED, Status.QUEUED),
        ("document_retry", Status.CANCELLED, Status.QUEUED),
        ("document_retry", Status.READY, Status.READY),
    ],
)
def test_alice_cancels_what_runs_and_retries_what_failed(client, alice, handbook, name, before, after):
    document = a_document(handbook, status=before)
    client.force_login(alice)
    assert client.post(url(name, document)).url == handbook.get_absolute_url()
    assert status_of(document) == after


def test_htmx_gets_the_row_as_it_is_now(client, alice, handbook):
    document = a_document(handbook, status=Status.RUNNING)
    client.force_login(alice)
    row = client.post(url("document_cancel", document), headers=HTMX).content.decode()
    assert f'id="document-{document.pk}"' in row
    assert "badge-cancelled" in row
    assert url("document_retry", document) in row
    assert "<html" not in row


def test_delete_asks_first_and_then_deletes(client, alice, handbook):
    document = a_document(handbook, "Old plan")
    client.force_login(alice)
    assert "Delete “Old plan”?" in client.get(url("document_delete", document)).content.decode()
    assert client.post(url("document_delete", document)).url == handbook.get_absolute_url()
    assert Document.objects.get(pk=document.pk).deleted_at
    assert client.get(document.get_absolute_url()).status_code == 404


def test_htmx_gets_nothing_in_the_place_of_a_deleted_row(client, alice, handbook):
    document = a_document(handbook)
    client.force_login(alice)
    answer = client.post(url("document_delete", document), headers=HTMX)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("name", ["document_cancel", "document_retry", "document_delete"])
def test_bob_who_may_only_read_and_charlie_change_nothing(client, bob, charlie, handbook, name):
    document = a_document(handbook, status=Status.RUNNING)
    for person in (bob, charlie):
        client.force_login(person)
        assert client.post(url(name, document)).status_code == 404
    assert (status_of(document), Document.objects.get().deleted_at) == (Status.RUNNING, None)


@pytest.mark.parametrize("name", ["document_cancel", "document_retry"])
def test_a_link_alone_changes_nothing(client, alice, handbook, name):
    client.force_login(alice)
    assert client.get(url(name, a_document(handbook))).status_code == 405


def test_alice_deletes_several_at_once_and_comes_back_to_the_same_list(client, alice, handbook):
    first, second, kept = (a_document(handbook, title) for title in "ABC")
    client.force_login(alice)
    answer = client.post(
        url("documents_bulk", handbook),
        {"action": "delete", "document": [first.pk, second.pk], "filter": "status=ready&sort=title"},
        follow=True,
    )
    assert answer.redirect_chain[-1][0] == f"{handbook.get_absolute_url()}?status=ready&sort=title"
    assert "2 documents deleted." in answer.content.decode()
    assert list(Document.objects.filter(deleted_at=None)) == [kept]


def test_what_an_action_does_not_fit_is_not_counted(client, alice, handbook):
    failed, ready = a_document(handbook, status=Status.FAILED), a_document(handbook)
    client.force_login(alice)
    chosen = {"action": "retry", "document": [failed.pk, ready.pk]}
    assert (
        "1 document queued again." in client.post(url("documents_bulk", handbook), chosen, follow=True).content.decode()
    )


def test_documents_of_other_knowledge_bases_are_passed_over(client, alice, handbook):
    foreign = a_document(KnowledgeBase.objects.create(name="Charlie's"))
    client.force_login(alice)
    client.post(url("documents_bulk", handbook), {"action": "delete", "document": [foreign.pk, "nonsense"]})
    assert Document.objects.get().deleted_at is None


@pytest.mark.parametrize("action", ["", "explode"])
def test_an_unknown_action_does_nothing(client, alice, handbook, action):
    document = a_document(handbook)
    client.force_login(alice)
    answer = client.post(url("documents_bulk", handbook), {"action": action, "document": document.pk})
    assert answer.url == handbook.get_absolute_url()
    assert status_of(document) == Status.READY


def test_the_way_back_stays_on_this_site(client, alice, handbook):
    client.force_login(alice)
    answer = client.post(url("documents_bulk", handbook), {"action": "", "filter": "//evil.example/?q=1"})
    assert answer.url.startswith(handbook.get_absolute_url())


def test_bob_who_may_only_read_changes_nothing_at_once_either(client, bob, handbook):
    document = a_document(handbook)
    client.force_login(bob)
    chosen = {"action": "delete", "document": document.pk}
    assert client.post(url("documents_bulk", handbook), chosen).status_code == 404
    assert Document.objects.get().deleted_at is None
