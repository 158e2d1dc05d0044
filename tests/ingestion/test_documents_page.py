"""The documents page: who sees it, what it lists, how it stays quick."""

import pytest
from django.urls import reverse

from kb.models import Document, KnowledgeBase, Membership, Role
from tests.ingestion.shelf import a_document

HTMX = {"HX-Request": "true"}


@pytest.fixture
def page(handbook):
    return reverse("knowledge_base", args=[handbook.pk])


def test_alice_sees_her_documents_and_how_to_add_more(client, alice, handbook, page):
    a_document(handbook, "Travel policy")
    client.force_login(alice)
    shown = client.get(page).content.decode()
    assert "Travel policy" in shown
    assert 'id="upload"' in shown
    assert 'id="bulk"' in shown


def test_bob_who_may_read_sees_documents_but_nothing_that_changes_them(client, bob, handbook, page):
    document = a_document(handbook, status=Document.Status.FAILED, error="It is damaged.")
    client.force_login(bob)
    shown = client.get(page).content.decode()
    assert "It is damaged." in shown
    assert 'id="upload"' not in shown
    assert 'id="bulk"' not in shown
    assert reverse("document_retry", args=[document.pk]) not in shown
    assert reverse("document_original", args=[document.pk]) in shown


@pytest.mark.parametrize("name", ["knowledge_base", "documents_rows"])
def test_charlie_finds_no_such_page(client, charlie, handbook, name):
    client.force_login(charlie)
    assert client.get(reverse(name, args=[handbook.pk])).status_code == 404


def test_who_is_not_signed_in_is_sent_to_sign_in(client, alice, page):
    assert client.get(page).url.startswith("/login")


def test_an_empty_knowledge_base_says_what_to_do(client, alice, page):
    client.force_login(alice)
    assert "Drop files above" in client.get(page).content.decode()


def test_htmx_gets_the_list_alone(client, alice, handbook, page):
    a_document(handbook, "Travel policy")
    client.force_login(alice)
    fragment = client.get(page, headers=HTMX).content.decode()
    assert "Travel policy" in fragment
    assert "<html" not in fragment
    rows = client.get(reverse("documents_rows", args=[handbook.pk])).content.decode()
    assert "<html" not in rows


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", {"Travel policy", "Minutes", "Scans"}),
        ("?status=failed", {"Minutes"}),
        ("?status=unfinished", {"Scans"}),
        ("?q=TRAVEL", {"Travel policy"}),
        ("?q=policy+travel", {"Travel policy"}),
        ("?q=archive", {"Scans"}),
        ("?q=nothing", set()),
        ("?status=nonsense&sort=nonsense&page=nonsense", {"Travel policy", "Minutes", "Scans"}),
        ("?page=99", {"Travel policy", "Minutes", "Scans"}),
    ],
)
def test_the_list_shows_what_the_filter_asks_for(client, alice, handbook, page, query, titles):
    a_document(handbook, "Travel policy")
    a_document(handbook, "Minutes", status=Document.Status.FAILED)
    a_document(handbook, "Scans", status=Document.Status.RUNNING, folder="Old/archive")
    client.force_login(alice)
    assert {each.title for each in client.get(page + query).context["listing"].page} == titles


@pytest.mark.parametrize(
    ("sort", "titles"),
    [
        ("title", ["A", "B", "C"]),
        ("largest", ["C", "A", "B"]),
        ("newest", ["C", "B", "A"]),
        ("oldest", ["A", "B", "C"]),
    ],
)
def test_the_list_is_sorted_as_asked(client, alice, handbook, page, sort, titles):
    for title, size in (("A", 20), ("B", 10), ("C", 30)):
        a_document(handbook, title, size=size)
    client.force_login(alice)
    assert [each.title for each in client.get(f"{page}?sort={sort}").context["listing"].page] == titles


def test_deleted_documents_and_those_of_other_knowledge_bases_are_not_listed(client, alice, handbook, page):
    from django.utils import timezone

    a_document(handbook, "Gone", deleted_at=timezone.now())
    a_document(KnowledgeBase.objects.create(name="Other"), "Elsewhere")
    client.force_login(alice)
    listing = client.get(page).context["listing"]
    assert (list(listing.page), listing.total) == ([], 0)


def test_fifty_documents_make_a_page(client, alice, handbook, page):
    for i in range(51):
        a_document(handbook, f"Document {i}")
    client.force_login(alice)
    assert len(client.get(page).context["listing"].page) == 50
    second = client.get(f"{page}?page=2&sort=title")
    assert len(second.context["listing"].page) == 1
    assert "sort=title" in second.content.decode().partition('class="pagination"')[2]


@pytest.mark.parametrize("name", ["knowledge_base", "documents_rows"])
def test_many_documents_take_no_more_queries_than_one(client, alice, handbook, name, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    url = reverse(name, args=[handbook.pk])
    a_document(handbook, uploaded_by=alice)
    client.force_login(alice)
    client.get(url)
    with CaptureQueriesContext(connection) as few:
        client.get(url)
    for i in range(30):
        a_document(handbook, f"Document {i}", uploaded_by=alice, status=list(Document.Status)[i % 5])
    with django_assert_num_queries(len(few)):
        client.get(url)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "queued", "stage": "parsing"}, "waiting"),
        ({"status": "running", "stage": "parsing", "progress": 3, "progress_total": 12}, "parsing page 3 of 12"),
        ({"status": "running", "stage": "chunking"}, "cutting into passages"),
        ({"status": "queued", "stage": "embedding", "progress": 40, "progress_total": 112}, "embedding 40 of 112"),
        ({"status": "failed", "error": "This PDF is protected by a password."}, "This PDF is protected by a password."),
        ({"status": "ready", "note": "Two pictures could not be read."}, "Two pictures could not be read."),
    ],
)
def test_a_row_says_where_its_document_stands(client, alice, handbook, page, fields, words):
    a_document(handbook, **fields)
    client.force_login(alice)
    assert words in client.get(page).content.decode()


def test_the_page_knows_whether_anything_is_unfinished(client, alice, handbook, page):
    a_document(handbook)
    client.force_login(alice)
    assert 'data-unfinished="0"' in client.get(page).content.decode()
    a_document(handbook, status=Document.Status.QUEUED)
    assert 'data-unfinished="1"' in client.get(f"{page}?status=ready").content.decode()


def test_names_and_titles_are_text_and_nothing_more(client, alice, handbook, page):
    evil = '"><script>alert(1)</script>'
    a_document(handbook, evil, name=f"{evil}.pdf", folder=evil, status="failed", error=evil, note=evil)
    client.force_login(alice)
    shown = client.get(page).content.decode()
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)" in shown


def test_an_editor_of_a_group_adds_documents(client, charlie, handbook, page):
    from django.contrib.auth.models import Group

    group = Group.objects.create(name="Writers")
    charlie.groups.add(group)
    Membership.objects.create(knowledge_base=handbook, group=group, role=Role.EDITOR)
    client.force_login(charlie)
    assert 'id="upload"' in client.get(page).content.decode()
