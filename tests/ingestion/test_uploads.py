"""Uploading and pasting: what comes in, what is refused, and that every file gets its answer."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from kb.models import Document

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def folder(settings, tmp_path, monkeypatch):
    """A data folder of the test's own, and no broker."""
    settings.KB_DATA = tmp_path
    for name in ("files", "tmp"):
        (tmp_path / name).mkdir()
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "tmp")
    monkeypatch.setattr("ingestion.queue.ring", lambda document: None)


@pytest.fixture
def upload(handbook):
    return reverse("upload", args=[handbook.pk])


def text_file(name: str = "notes.txt", text: str = "The valve opens at three bar.") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


def test_alice_uploads_several_files_at_once(client, alice, handbook, upload):
    client.force_login(alice)
    answer = client.post(upload, {"file": [text_file("a.txt", "One."), text_file("b.md", "# Two")]}, follow=True)
    assert answer.redirect_chain[-1][0] == handbook.get_absolute_url()
    assert "2 files received." in answer.content.decode()
    assert set(handbook.documents.values_list("name", "uploaded_by")) == {("a.txt", alice.pk), ("b.md", alice.pk)}


def test_a_refused_file_gets_a_sentence_and_does_not_hinder_the_others(client, alice, handbook, upload):
    client.force_login(alice)
    program = SimpleUploadedFile("setup.exe", b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(200))
    answer = client.post(upload, {"file": [program, text_file("good.txt")]})
    shown = answer.content.decode()
    assert answer.status_code == 200
    assert "setup.exe" in shown
    assert "PDF" in answer.context["outcomes"][0].refusal
    assert list(handbook.documents.values_list("name", flat=True)) == ["good.txt"]


def test_an_empty_file_is_refused(client, alice, handbook, upload):
    client.force_login(alice)
    answer = client.post(upload, {"file": text_file("empty.txt", "")}, headers=HTMX)
    assert 'data-outcome="refused"' in answer.content.decode()
    assert not handbook.documents.exists()


def test_a_file_that_is_too_large_is_refused(client, alice, handbook, upload, settings):
    settings.KB_MAX_UPLOAD_MB = 1
    client.force_login(alice)
    answer = client.post(upload, {"file": text_file("big.txt", "x" * (1024 * 1024 + 1))}, headers=HTMX)
    assert "larger than 1.0" in answer.content.decode()
    assert not handbook.documents.exists()


def test_the_same_file_again_leads_to_the_one_that_is_here(client, alice, handbook, upload):
    client.force_login(alice)
    client.post(upload, {"file": text_file("first.txt")})
    answer = client.post(upload, {"file": text_file("second.txt")}, headers=HTMX).content.decode()
    document = handbook.documents.get()
    assert 'data-outcome="here"' in answer
    assert document.get_absolute_url() in answer
    assert document.title in answer


def test_the_folder_of_a_file_is_kept(client, alice, handbook, upload):
    client.force_login(alice)
    client.post(upload, {"file": text_file(), "folder": "Manuals/../2024"}, headers=HTMX)
    assert handbook.documents.get().folder == "Manuals/2024"


def test_names_of_files_are_shown_as_text(client, alice, upload):
    client.force_login(alice)
    name = "<img src=x onerror=alert(1)>.txt"
    answer = client.post(upload, {"file": text_file(name)}, headers=HTMX).content.decode()
    assert "<img" not in answer


def test_choosing_nothing_says_so(client, alice, upload):
    client.force_login(alice)
    assert "No file was chosen." in client.post(upload, follow=True).content.decode()


@pytest.mark.parametrize("name", ["upload", "paste"])
def test_bob_who_may_only_read_and_charlie_find_no_such_page(client, bob, charlie, handbook, name):
    for person in (bob, charlie):
        client.force_login(person)
        answer = client.post(reverse(name, args=[handbook.pk]), {"file": text_file(), "title": "A", "text": "B"})
        assert answer.status_code == 404
    assert not Document.objects.exists()


def test_a_pasted_text_becomes_a_document(client, alice, handbook):
    client.force_login(alice)
    client.post(reverse("paste", args=[handbook.pk]), {"title": "Rules 1/2", "text": "  Be kind.\n"})
    document = handbook.documents.get()
    assert (document.title, document.media_type) == ("Rules 1-2", "text/plain")


@pytest.mark.parametrize("sent", [{"title": "A", "text": "  \n"}, {"title": "", "text": "Words"}])
def test_a_paste_without_title_or_text_is_asked_for_again_with_what_was_typed(client, alice, handbook, sent):
    client.force_login(alice)
    answer = client.post(reverse("paste", args=[handbook.pk]), sent)
    assert answer.status_code == 422
    assert answer.context["paste_form"]["title"].value() == sent["title"]
    assert not handbook.documents.exists()


def test_the_address_of_the_upload_leads_back_to_the_documents(client, alice, handbook, upload):
    client.force_login(alice)
    assert client.get(upload).url == handbook.get_absolute_url()
