"""Programs bring documents over the API, follow them, and take them away."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from kb.models import ApiKey, Document, Membership, Role, Section


def client_of(user) -> Client:
    return Client(headers={"x-api-key": ApiKey.issue(user, "test")[1]})


@pytest.fixture
def as_alice(alice):
    return client_of(alice)


def text(name: str, content: str) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content.encode(), "text/plain")


def upload(client, handbook, *files, **fields):
    return client.post(f"/api/v1/knowledge-bases/{handbook.pk}/documents", {"file": list(files), **fields})


def test_several_files_come_in_one_request(as_alice, alice, handbook):
    response = upload(as_alice, handbook, text("a.txt", "Some words."), text("b.md", "# Title"), folder="notes/2026")
    assert response.status_code == 202
    body = response.json()
    assert body["refused"] == []
    assert [(d["name"], d["folder"], d["status"], d["is_new"]) for d in body["documents"]] == [
        ("a.txt", "notes/2026", "queued", True),
        ("b.md", "notes/2026", "queued", True),
    ]
    assert set(Document.objects.values_list("uploaded_by", flat=True)) == {alice.pk}


def test_the_same_file_is_the_same_document(as_alice, handbook):
    first = upload(as_alice, handbook, text("a.txt", "Some words.")).json()["documents"][0]
    again = upload(as_alice, handbook, text("copy.txt", "Some words.")).json()["documents"][0]
    assert (again["id"], again["is_new"]) == (first["id"], False)


def test_what_is_refused_is_said_beside_what_is_taken(as_alice, handbook):
    response = upload(as_alice, handbook, text("a.txt", "Some words."), text("empty.txt", ""))
    assert response.status_code == 207
    body = response.json()
    assert [d["name"] for d in body["documents"]] == ["a.txt"]
    assert body["refused"] == [{"name": "empty.txt", "reason": "This file is empty."}]


def test_where_all_is_refused_the_answer_is_an_error(as_alice, handbook):
    response = upload(as_alice, handbook, text("empty.txt", ""))
    assert response.status_code == 422
    assert response.json()["error"] == {"code": "refused", "message": "This file is empty."}


def test_an_upload_without_a_file_is_said(as_alice, handbook):
    response = as_alice.post(f"/api/v1/knowledge-bases/{handbook.pk}/documents", {})
    assert response.status_code == 422
    assert response.json()["error"]["message"] == "file: Field required."


def test_an_editor_brings_and_a_viewer_does_not(bob, handbook):
    assert upload(client_of(bob), handbook, text("a.txt", "Some words.")).status_code == 404
    Membership.objects.filter(user=bob).update(role=Role.EDITOR)
    assert upload(client_of(bob), handbook, text("a.txt", "Some words.")).status_code == 202


def test_documents_are_listed_by_status_and_page(as_alice, handbook):
    for n in range(5):
        upload(as_alice, handbook, text(f"{n}.txt", f"Words {n}."))
    Document.objects.filter(name__in=["1.txt", "3.txt"]).update(status="failed", error="It is damaged.")
    path = f"/api/v1/knowledge-bases/{handbook.pk}/documents"
    failed = as_alice.get(path, {"status": "failed"}).json()
    assert (failed["total"], {d["error"] for d in failed["documents"]}) == (2, {"It is damaged."})
    page = as_alice.get(path, {"limit": 2, "offset": 4}).json()
    assert (page["total"], [d["name"] for d in page["documents"]]) == (5, ["0.txt"])
    assert as_alice.get(path, {"limit": 201}).status_code == 422
    assert as_alice.get(path, {"status": "lost"}).status_code == 422


def test_the_list_costs_the_same_however_long(as_alice, handbook, django_assert_max_num_queries):
    for n in range(20):
        upload(as_alice, handbook, text(f"{n}.txt", f"Words {n}."))
    as_alice.get("/api/v1/knowledge-bases")  # the key's use is noted
    with django_assert_max_num_queries(6):
        as_alice.get(f"/api/v1/knowledge-bases/{handbook.pk}/documents")


def test_a_document_its_original_and_its_text(as_alice, handbook):
    made = upload(as_alice, handbook, text("Bücher 書.txt", "Erste Zeile.")).json()["documents"][0]
    document = Document.objects.get(pk=made["id"])
    Section.objects.create(document=document, ordinal=0, kind="heading", text="Title", start=0)
    Section.objects.create(document=document, ordinal=1, kind="paragraph", text="Erste Zeile.", start=7)
    path = f"/api/v1/documents/{document.pk}"
    assert as_alice.get(path).json()["stage"] == "parsing"
    original = as_alice.get(f"{path}/original")
    assert b"".join(original.streaming_content) == b"Erste Zeile."
    assert original["Content-Disposition"].startswith("attachment; filename*=utf-8''B%C3%BCcher")
    assert original["X-Content-Type-Options"] == "nosniff"
    response = as_alice.get(f"{path}/text")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response.content.decode() == "Title\n\nErste Zeile."
    original.close()


def test_only_what_failed_is_tried_again(as_alice, handbook):
    made = upload(as_alice, handbook, text("a.txt", "Some words.")).json()["documents"][0]
    path = f"/api/v1/documents/{made['id']}/retry"
    refused = as_alice.post(path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    Document.objects.update(status="failed", error="It is damaged.")
    again = as_alice.post(path)
    assert (again.status_code, again.json()["status"], again.json()["error"]) == (202, "queued", "")


def test_a_deleted_document_is_gone(as_alice, handbook):
    made = upload(as_alice, handbook, text("a.txt", "Some words.")).json()["documents"][0]
    path = f"/api/v1/documents/{made['id']}"
    assert as_alice.delete(path).status_code == 204
    assert as_alice.get(path).status_code == 404
    assert as_alice.get(f"/api/v1/knowledge-bases/{handbook.pk}/documents").json()["total"] == 0
