"""Several originals come as one archive, under their own names and folders."""

import io
import zipfile

import pytest
from django.urls import reverse

from kb.models import Document, KnowledgeBase
from tests.ingestion.shelf import a_document, with_original

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data(settings, tmp_path):
    settings.KB_DATA = tmp_path


def download(client, base, *documents):
    chosen = {"document": [document.pk for document in documents]}
    answer = client.post(reverse("documents_download", args=[base.pk]), chosen)
    if answer.status_code != 200:
        return answer.status_code
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert archive.testzip() is None
    return {name: archive.read(name) for name in archive.namelist()}


def stored(base, name: str, content: bytes, folder: str = "") -> Document:
    document = a_document(base, name, name=name)
    with_original(document, content)
    Document.objects.filter(pk=document.pk).update(folder=folder)
    return document


def test_bob_downloads_several_originals_at_once(client, bob, handbook):
    chosen = stored(handbook, "a.txt", b"first"), stored(handbook, "b.txt", b"x" * 3_000_000, "deep/down")
    client.force_login(bob)
    assert download(client, handbook, *chosen) == {"a.txt": b"first", "deep/down/b.txt": b"x" * 3_000_000}


def test_two_of_a_name_both_come(client, bob, handbook):
    chosen = stored(handbook, "a.txt", b"first"), stored(handbook, "a.txt", b"second")
    client.force_login(bob)
    assert set(download(client, handbook, *chosen)) == {"a.txt", "a (2).txt"}


def test_documents_of_another_knowledge_base_do_not_come(client, bob, handbook):
    foreign = stored(KnowledgeBase.objects.create(name="Alice's own"), "secret.txt", b"canary")
    client.force_login(bob)
    assert download(client, handbook, foreign) == 404
    assert download(client, handbook, stored(handbook, "a.txt", b"first"), foreign) == {"a.txt": b"first"}


def test_charlie_downloads_nothing(client, charlie, handbook):
    document = stored(handbook, "a.txt", b"first")
    client.force_login(charlie)
    assert download(client, handbook, document) == 404
