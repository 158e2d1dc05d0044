"""The preview of passages: cut as they would be, and nothing kept."""

import pytest
from django.urls import reverse

from ingestion.preview import sections_of_text
from kb.models import Chunk, Document
from tests.ingestion.shelf import a_document, with_text

HTMX = {"HX-Request": "true"}
SIZES = {"chunk_tokens": 40, "chunk_overlap": 0}
TEXT = "# Valves\n\n" + "The safety valve opens at three bar and closes by itself. " * 20


@pytest.fixture
def url(handbook, embedder):
    return reverse("chunk_preview", args=[handbook.pk])


def test_a_text_is_cut_and_the_tokens_of_each_passage_are_counted(client, bob, url):
    client.force_login(bob)
    answer = client.post(url, {"text": TEXT, **SIZES}, headers=HTMX)
    chunks = [cut.chunk for cut in answer.context["cuts"]]
    assert len(chunks) > 3
    assert all(chunk.heading_path == ["Valves"] for chunk in chunks[1:])
    assert f"{chunks[0].tokens} tokens" in answer.content.decode()
    assert "<html" not in answer.content.decode()
    assert not Chunk.objects.exists()
    assert not Document.objects.exists()


def test_what_a_passage_repeats_is_told_apart(client, alice, url):
    client.force_login(alice)
    cuts = client.post(url, {"text": TEXT, "chunk_tokens": 40, "chunk_overlap": 15}).context["cuts"]
    assert cuts[0].repeated == ""
    assert all(cut.chunk.text == cut.repeated + cut.text for cut in cuts)
    assert cuts[1].repeated.strip() in cuts[0].chunk.text


def test_a_document_is_cut_anew(client, alice, handbook, url):
    document = a_document(handbook)
    with_text(document, "One sentence. " * 60)
    client.force_login(alice)
    page = client.post(url, {"document": document.pk, **SIZES})
    assert len(page.context["cuts"]) > 1
    assert "<html" in page.content.decode()


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({**SIZES}, "Paste a text, or choose a document."),
        ({"text": "Words", "chunk_tokens": 40, "chunk_overlap": 30}, "half of the passage length"),
        ({"text": "Words", "chunk_tokens": "many", "chunk_overlap": 0}, "whole number"),
    ],
)
def test_what_does_not_fit_is_said(client, alice, url, sent, sentence):
    client.force_login(alice)
    assert sentence in client.post(url, sent, headers=HTMX).content.decode()


def test_charlie_previews_nothing_and_nobody_another_knowledge_bases_document(client, alice, charlie, handbook, url):
    from kb.models import KnowledgeBase

    foreign = a_document(KnowledgeBase.objects.create(name="Other"), "Secret plan")
    with_text(foreign, "Hidden words.")
    client.force_login(charlie)
    assert client.post(url, {"text": TEXT, **SIZES}).status_code == 404
    client.force_login(alice)
    page = client.post(url, {"document": foreign.pk, **SIZES}).content.decode()
    assert "Hidden words." not in page
    assert "Secret plan" not in page


def test_texts_are_shown_as_text(client, alice, url):
    client.force_login(alice)
    assert "<script>alert" not in client.post(url, {"text": "<script>alert(1)</script>", **SIZES}).content.decode()


def test_paragraphs_and_headings_of_a_text_stand_where_the_joined_text_has_them():
    document = Document(title="Your text")
    sections = sections_of_text("# A\r\n\r\none\n\n\n\n## B\n\ntwo\nlines\n", document)
    assert [(s.kind, s.text, s.heading_path) for s in sections] == [
        ("heading", "A", ["A"]),
        ("paragraph", "one", ["A"]),
        ("heading", "B", ["A", "B"]),
        ("paragraph", "two\nlines", ["A", "B"]),
    ]
    joined = "\n\n".join(section.text for section in sections)
    assert all(joined[s.start : s.start + len(s.text)] == s.text for s in sections)
