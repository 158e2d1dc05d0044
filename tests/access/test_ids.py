"""Ids of Alice's in what Charlie sends reach nothing."""

import json

import pytest

from kb.models import Document
from search.models import Citation, Conversation, Message
from tests.access.world import (
    CANARY,
    add_document,
    assert_no_canary,
    client_for,
)


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("post", "/ask", {"question": "How long are records kept?", "kb": "{base}", "mode": "keyword"}),
        ("post", "/ask", {"question": "How long?", "conversation": "{conversation}", "mode": "keyword"}),
        ("get", "/search", {"q": "records kept", "kb": "{base}", "mode": "keyword"}),
        ("post", "/knowledge-bases/{own}/members/{member}/role", {"role": "editor"}),
        ("post", "/knowledge-bases/{own}/members/{member}/remove", {}),
    ],
)
def test_charlie_cannot_name_what_is_alices(world, charlie, notebook, method, path, data):
    names = {**world.names, "own": notebook.pk}
    data = {name: value.format(**names) for name, value in data.items()}
    response = getattr(client_for(charlie), method)(path.format(**names), data)
    assert response.status_code == 404
    assert_no_canary(response)
    assert not Message.objects.filter(conversation__user=charlie).exists()


@pytest.mark.parametrize("path", ["search", "answer"])
def test_charlies_key_cannot_name_what_is_alices(world, charlie, notebook, path):
    words = {"query" if path == "search" else "question": "How long are records kept?", "mode": "keyword"}
    for scope in ([str(world.names["base"])], [str(notebook.pk), str(world.names["base"])]):
        body = json.dumps({**words, "knowledge_bases": scope})
        response = client_for(charlie, "api/").post(f"/api/v1/{path}", body, content_type="application/json")
        assert response.status_code == 404
        assert_no_canary(response)


@pytest.mark.parametrize("action", ["delete", "cancel", "retry"])
def test_charlies_bulk_actions_reach_only_his_own_documents(world, charlie, notebook, action):
    Document.objects.update(status="queued" if action == "cancel" else "failed")
    before = Document.objects.filter(pk=world.names["document"]).values().get()
    data = {"action": action, "document": [str(world.names["document"])]}
    response = client_for(charlie).post(f"/knowledge-bases/{notebook.pk}/documents/bulk", data)
    assert_no_canary(response)
    assert Document.objects.filter(pk=world.names["document"]).values().get() == before


def test_charlie_cannot_preview_alices_document(world, charlie, notebook):
    data = {"text": "", "document": str(world.names["document"]), "chunk_tokens": 64, "chunk_overlap": 8}
    assert_no_canary(client_for(charlie).post(f"/knowledge-bases/{notebook.pk}/chunk-preview", data))


@pytest.mark.parametrize("query", ["?chunk={chunk}", "?citation={citation}"])
def test_charlies_viewer_opens_nothing_of_alices(world, charlie, notebook, query):
    own = add_document(notebook, "Notes", "Nothing to see here.").document
    Document.objects.filter(pk=own.pk).update(title="Notes", name="notes.pdf")
    response = client_for(charlie).get(f"/documents/{own.pk}/{query.format(**world.names)}")
    assert response.status_code in (200, 404)
    assert_no_canary(response)


@pytest.mark.parametrize("query", ["?kb={base}", "?knowledge_bases={base}", "?q=&kb={base}"])
def test_an_address_with_alices_id_shows_charlie_nothing(world, charlie, query):
    for page in ("/", "/search"):
        assert_no_canary(client_for(charlie).get(page + query.format(**world.names)))


def test_bob_who_left_no_longer_sees_the_sources_of_his_answers(world, bob, handbook):
    """The copy of a passage in a citation is not shown to whoever may no longer read the document."""
    conversation = Conversation.objects.create(user=bob, title="Mine")
    message = Message.objects.create(conversation=conversation, question="How long?", answer=f"{CANARY} [1]")
    of_alice = Citation.objects.get(pk=world.names["citation"])
    of_alice.pk, of_alice.message = None, message
    of_alice.save()
    addresses = (f"/conversations/{conversation.pk}/", f"/sources/{of_alice.pk}/")
    for address in addresses:
        assert client_for(bob).get(address).status_code == 200
    handbook.memberships.filter(user=bob).delete()
    for address in addresses:
        assert_no_canary(client_for(bob).get(address))
