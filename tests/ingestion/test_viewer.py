"""The document viewer: it opens at the passage, marks it, and shows it to nobody who may not read it."""

import io

import pytest
from django.urls import reverse
from PIL import Image

from kb.models import Document, Section
from search.models import Citation, Conversation, Message
from tests.ingestion.shelf import a_chunk, a_document, with_original, with_text

HTMX = {"HX-Request": "true"}
HOTEL = "Book trains first. Hotels may cost 140 EUR. Keep the ticket."


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.KB_DATA = tmp_path
    for name in ("files", "pages", "tmp"):
        (tmp_path / name).mkdir()


@pytest.fixture
def policy(handbook):
    document = a_document(handbook, "Travel policy", language="en")
    with_text(document, ("heading", "Booking", {"depth": 1}), HOTEL, "Other things.")
    return document


@pytest.fixture
def passage(policy):
    return a_chunk(policy, policy.sections.get(ordinal=1))


def cited(person, chunk, **fields) -> Citation:
    """This passage as a source of an answer that the person got."""
    conversation = Conversation.objects.create(user=person, title="Hotels")
    message = Message.objects.create(conversation=conversation, question="What may a hotel cost?")
    values = {
        "document": chunk.document, "chunk": chunk, "title": chunk.document.title, "text": chunk.text,
        "start": chunk.start, "end": chunk.end, "marks": [[chunk.start + 19, chunk.start + 43]], **fields,
    }  # fmt: skip
    return Citation.objects.create(message=message, number=1, **values)


def shown(client, document, query: str = "", **more) -> str:
    answer = client.get(document.get_absolute_url() + query, **more)
    assert answer.status_code == 200
    return answer.content.decode()


def test_bob_reads_the_text_and_its_outline(client, bob, policy):
    client.force_login(bob)
    page = shown(client, policy)
    assert "Hotels may cost 140 EUR." in page
    assert 'href="?from=0#section-0"' in page
    assert 'id="passage"' not in page


def test_charlie_finds_no_such_document_page_picture_or_original(client, charlie, policy):
    client.force_login(charlie)
    for name, args in (("document", []), ("document_page", [1]), ("document_original", [])):
        assert client.get(reverse(name, args=[policy.pk, *args])).status_code == 404


def test_a_deleted_document_is_not_there(client, alice, policy):
    from django.utils import timezone

    Document.objects.update(deleted_at=timezone.now())
    client.force_login(alice)
    assert client.get(policy.get_absolute_url()).status_code == 404


def test_a_chunk_is_marked_with_its_sentence(client, alice, policy, passage):
    client.force_login(alice)
    page = shown(client, policy, f"?chunk={passage.pk}&mark={passage.start + 19}-{passage.start + 43}")
    assert page.count('id="passage"') == 1
    assert '<span class="passage-run">Book trains first. </span>' in page
    assert "<mark>Hotels may cost 140 EUR.</mark>" in page


def test_a_stretch_of_the_text_is_marked(client, alice, policy):
    client.force_login(alice)
    assert '<span class="passage-run">Booking</span>' in shown(client, policy, "?start=0&end=7")


@pytest.mark.parametrize("query", ["?chunk=999", "?chunk=nonsense", "?start=9&end=3", "?start=-1&end=x", "?chunk=²"])
def test_a_passage_that_is_not_there_leaves_the_document_readable(client, alice, policy, query):
    client.force_login(alice)
    assert "Hotels may cost 140 EUR." in shown(client, policy, query)


def test_a_chunk_that_was_replaced_since_is_said(client, alice, policy):
    client.force_login(alice)
    assert "changed since this passage was found" in shown(client, policy, "?chunk=999999")


def test_a_citation_opens_its_passage_and_leads_back(client, alice, policy, passage):
    citation = cited(alice, passage)
    client.force_login(alice)
    page = shown(client, policy, f"?citation={citation.pk}")
    assert "<mark>Hotels may cost 140 EUR.</mark>" in page
    assert f"{citation.message.conversation.get_absolute_url()}#message-{citation.message_id}" in page


def test_a_citation_of_somebody_elses_answer_is_not_there(client, alice, bob, policy, passage):
    citation = cited(alice, passage)
    client.force_login(bob)
    assert client.get(f"{policy.get_absolute_url()}?citation={citation.pk}").status_code == 404


def test_a_passage_that_moved_is_found_again(client, alice, policy, passage):
    citation = cited(alice, passage)
    policy.sections.all().delete()
    with_text(policy, "A new beginning.", HOTEL)
    client.force_login(alice)
    assert "<mark>Hotels may cost 140 EUR.</mark>" in shown(client, policy, f"?citation={citation.pk}")


def test_a_passage_that_is_gone_is_shown_as_it_was_when_cited(client, alice, policy, passage):
    citation = cited(alice, passage)
    policy.sections.all().delete()
    with_text(policy, "Everything is new.")
    client.force_login(alice)
    page = shown(client, policy, f"?citation={citation.pk}")
    assert "The document has changed since this passage was cited." in page
    assert "Hotels may cost 140 EUR." in page


def test_a_long_document_is_shown_around_the_passage_and_goes_on_by_htmx(client, alice, handbook):
    document = a_document(handbook)
    sections = with_text(document, *(f"Paragraph {n}." for n in range(500)))
    chunk = a_chunk(document, sections[300])
    client.force_login(alice)
    page = shown(client, document, f"?chunk={chunk.pk}")
    assert "Paragraph 300." in page
    assert "Paragraph 288." in page
    assert "Paragraph 287." not in page
    assert "Paragraph 368." not in page
    later = shown(client, document, "?from=368&direction=down&view=text", headers=HTMX)
    assert "Paragraph 368." in later
    assert "<html" not in later
    earlier = shown(client, document, "?before=288&direction=up&view=text", headers=HTMX)
    assert "Paragraph 287." in earlier
    assert "Paragraph 208." in earlier
    assert "Paragraph 288." not in earlier


def test_very_long_paragraphs_make_a_short_window(client, alice, handbook):
    document = a_document(handbook)
    with_text(document, *("x" * 50_000 for _ in range(5)))
    client.force_login(alice)
    assert len(client.get(document.get_absolute_url()).context["window"].blocks) == 1


def test_a_longer_document_takes_no_more_queries(client, alice, handbook, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    short, long = a_document(handbook), a_document(handbook)
    with_text(short, ("heading", "One", {"depth": 1}), "Text.")
    with_text(long, *(("heading", f"Heading {n}", {"depth": 1}) for n in range(200)))
    client.force_login(alice)
    client.get(short.get_absolute_url())
    with CaptureQueriesContext(connection) as few:
        client.get(short.get_absolute_url())
    with django_assert_num_queries(len(few)):
        client.get(long.get_absolute_url())


def test_words_are_found_in_the_document(client, alice, policy):
    client.force_login(alice)
    page = shown(client, policy, "?find=hotels")
    start = policy.sections.get(ordinal=1).start + 19
    assert f"start={start}&amp;end={start + 6}" in page
    assert "1 place" in page
    assert "0 places" in shown(client, policy, "?find=<b>")


def test_texts_and_titles_of_documents_are_text_and_nothing_more(client, alice, handbook):
    evil = "<script>alert(1)</script>"
    document = a_document(handbook, evil, name=evil, note=evil, language="xx")
    table = {"table": [[evil, "b"], [evil, "d"]]}
    with_text(document, evil, ("heading", evil, {"depth": 1}), ("code", evil, {}), ("table", f"{evil}\n{evil}", table))
    client.force_login(alice)
    for query in ("", "?find=script", "?start=0&end=9000", f"?kept={evil}"):
        assert "<script>alert" not in shown(client, document, query)


@pytest.mark.parametrize("status", ["queued", "failed"])
def test_a_document_without_text_says_why(client, alice, handbook, status):
    document = a_document(handbook, status=status, error="It is damaged." if status == "failed" else "")
    client.force_login(alice)
    page = shown(client, document)
    assert ("It is damaged." if status == "failed" else "still being worked on") in page


def test_an_archive_lists_what_came_in_it(client, alice, handbook):
    archive = a_document(handbook, "Archive")
    inside = a_document(handbook, "Inside", parent=archive)
    client.force_login(alice)
    assert inside.get_absolute_url() in shown(client, archive)


# --- pages and originals -------------------------------------------------------------


@pytest.fixture
def photo(handbook):
    """A picture with a line of text that was read in it."""
    content = io.BytesIO()
    Image.new("RGB", (300, 200), "white").save(content, "PNG")
    document = a_document(handbook, "Photo", name="photo.png", media_type="image/png", pages=1)
    with_original(document, content.getvalue())
    lines = [[0, 10, 1, 0.1, 0.2, 0.6, 0.3]]
    with_text(document, ("paragraph", "Exit here.", {"page": 1, "lines": lines}))
    return document


def test_a_page_is_a_picture_with_the_passage_boxed(client, alice, photo):
    client.force_login(alice)
    page = shown(client, photo, "?start=0&end=10&mark=5-10")
    assert reverse("document_page", args=[photo.pk, 1]) in page
    assert 'width="300" height="200"' in page
    assert 'page-box-passage" x="100" y="200" width="500" height="100"' in page
    assert 'page-box-sentence" id="passage" x="350" y="200" width="250" height="100"' in page
    assert "Exit here." in shown(client, photo, "?view=text")


def test_a_page_picture_is_private_and_nothing_but_a_picture(client, bob, photo):
    client.force_login(bob)
    answer = client.get(reverse("document_page", args=[photo.pk, 1]))
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["Cache-Control"] == "private, max-age=3600"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "Cookie" in answer.headers["Vary"]
    assert b"".join(answer.streaming_content)[8:12] == b"WEBP"


@pytest.mark.parametrize("number", [0, 2, 999999])
def test_a_page_that_the_document_does_not_have_is_not_there(client, alice, photo, number):
    client.force_login(alice)
    assert client.get(reverse("document_page", args=[photo.pk, number])).status_code == 404


def test_a_picture_that_cannot_be_drawn_is_not_there_but_the_viewer_is(client, alice, handbook):
    document = a_document(handbook, media_type="application/pdf", pages=3)
    client.force_login(alice)
    assert client.get(reverse("document_page", args=[document.pk, 1])).status_code == 404
    assert "Page 3 of" in shown(client, document)


def test_a_document_of_many_pages_is_shown_a_dozen_at_a_time(client, alice, handbook):
    document = a_document(handbook, media_type="application/pdf", pages=600)
    with_text(document, ("paragraph", "Here.", {"page": 300, "lines": [[0, 5, 300, 0.1, 0.1, 0.2, 0.2]]}))
    client.force_login(alice)
    numbers = [
        page.number for page in client.get(f"{document.get_absolute_url()}?start=0&end=5").context["window"].pages
    ]
    assert numbers == list(range(298, 310))
    later = shown(client, document, "?start=0&end=5&from=310&direction=down", headers=HTMX)
    assert 'id="page-321"' in later
    assert "from=322" in later
    assert 'id="page-286"' in shown(client, document, "?start=0&end=5&before=298&direction=up", headers=HTMX)
    assert 'id="page-600"' in shown(client, document, "?page=9999")


@pytest.mark.parametrize(
    ("name", "media_type", "expected"),
    [
        ("réport.html", "text/html", "text/html"),
        ('a"b;.txt', "text/plain\r\nX-Evil: 1", "application/octet-stream"),
    ],
)
def test_the_original_is_saved_and_never_shown(client, bob, handbook, name, media_type, expected):
    document = with_original(a_document(handbook, name=name, media_type=media_type), b"<script>alert(1)</script>")
    client.force_login(bob)
    answer = client.get(reverse("document_original", args=[document.pk]))
    assert b"".join(answer.streaming_content) == b"<script>alert(1)</script>"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename")
    assert answer.headers["Content-Type"] == expected
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_an_original_that_is_lost_is_not_there(client, alice, policy):
    client.force_login(alice)
    assert client.get(reverse("document_original", args=[policy.pk])).status_code == 404
    assert Section.objects.filter(document=policy).exists()
