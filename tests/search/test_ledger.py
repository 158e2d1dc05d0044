"""What no model has read is added up, and said: how much, of which documents, of which passages."""

import pytest
from django.core.cache import cache
from django.urls import reverse

from kb.models import Chunk, Document, KnowledgeBase
from search.ledger import account_of, accounts, losses, share_never_read, unread_passages
from search.models import DocumentVector, Vector
from search.vectors import encode
from tests.search.library import add_document, direction, make_index

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _nothing_remembered():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def index(handbook):
    return make_index(handbook)


def add(index, title, *passages, whole=(100, 100)):
    """A document of passages given as (tokens, tokens read), and of its whole text likewise."""
    texts = [f"{title} {number}" for number in range(len(passages))]
    document = add_document(index, *texts, title=title, vectors=[direction(1)] * len(texts))
    for chunk, (tokens, read) in zip(document.listed, passages, strict=True):
        Chunk.objects.filter(pk=chunk.pk).update(tokens=tokens)
        Vector.objects.filter(digest=chunk.digest).update(tokens_read=read)
    DocumentVector.objects.create(
        preset=index.preset, document=document, digest=title, data=encode(direction(1)),
        tokens=whole[0], tokens_read=whole[1],
    )  # fmt: skip
    return document


def test_the_account_adds_up_what_was_read_and_what_was_not(index):
    add(index, "Whole", (200, 200), (100, 100))
    add(index, "Cut", (300, 256), (400, 256), (50, 50), whole=(750, 700))
    account = account_of(index)
    assert (account.passages.tokens, account.passages.lost) == (1050, 44 + 144)
    assert (account.passages.texts, account.passages.cut) == (5, 2)
    assert account.passages.share == pytest.approx(188 / 1050)
    assert (account.wholes.tokens, account.wholes.lost, account.wholes.texts, account.wholes.cut) == (850, 50, 2, 1)
    assert not account.is_whole


def test_where_nothing_is_lost_that_is_said(index):
    add(index, "Whole", (200, 200))
    account = account_of(index)
    assert (account.is_whole, account.passages.percent, losses(index, 10)) == (True, 0, [])


def test_an_empty_index_has_lost_nothing(index):
    assert account_of(index).is_whole


def test_what_is_deleted_or_of_another_knowledge_base_or_model_is_not_counted(index, alice):
    other = make_index(KnowledgeBase.objects.create(name="Other"))
    add(other, "Elsewhere", (300, 100))
    gone = add(index, "Gone", (300, 100))
    Document.objects.filter(pk=gone.pk).update(deleted_at=gone.created_at)
    kept = add(index, "Kept", (300, 300))
    Vector.objects.create(
        preset=make_index(KnowledgeBase.objects.create(name="Third"), preset=_another_preset()).preset,
        digest=kept.listed[0].digest, data=b"", tokens_read=1,
    )  # fmt: skip
    assert account_of(index).passages.lost == 0
    assert account_of(other).passages.lost == 200


def _another_preset():
    from tests.search.library import make_preset

    return make_preset(4)


def test_documents_that_could_not_be_read_at_all_are_counted_apart(index):
    failed = add(index, "Damaged", (10, 10))
    Document.objects.filter(pk=failed.pk).update(status=Document.Status.FAILED)
    account = account_of(index)
    assert (account.failed, account.is_whole) == (1, False)


def test_the_worst_knowledge_base_comes_first(index):
    other = make_index(KnowledgeBase.objects.create(name="Other"))
    add(index, "A little", (300, 290))
    add(other, "A lot", (300, 100))
    found = accounts(KnowledgeBase.objects.all())
    assert [account.knowledge_base.name for account in found] == ["Other", "Handbook"]


def test_the_documents_that_lost_most_come_first(index):
    little, much = add(index, "Little", (300, 299)), add(index, "Much", (300, 100), (300, 300), (300, 250))
    only_whole = add(index, "As a whole only", (100, 100), whole=(40_000, 32_768))
    add(index, "Nothing", (100, 100))
    found = losses(index, 10)
    assert [loss.document for loss in found] == [much, little, only_whole]
    assert (found[0].passages.lost, found[0].passages.cut) == (250, 2)
    assert (found[2].passages.lost, found[2].whole.lost) == (0, 7232)
    assert [loss.document for loss in losses(index, 1)] == [much]


def test_passages_that_were_cut_are_listed_in_reading_order(index):
    document = add(index, "Much", (300, 100), (300, 300), (300, 250))
    assert [(chunk.ordinal, chunk.lost) for chunk in unread_passages(index, document)] == [(0, 200), (2, 50)]


def test_adding_up_takes_as_many_queries_however_much_there_is(index, django_assert_num_queries):
    add(index, "One", (300, 100))
    with django_assert_num_queries(4):
        account_of(index)
    for number in range(30):
        add(index, f"More {number}", (300, 100))
    with django_assert_num_queries(4):
        assert account_of(index).passages.cut == 31


def test_the_share_on_the_knowledge_bases_page_is_remembered(handbook, index, django_assert_num_queries):
    add(index, "Cut", (400, 100))
    assert share_never_read(handbook) == pytest.approx(0.75)
    with django_assert_num_queries(1):
        assert share_never_read(handbook) == pytest.approx(0.75)


# --- pages -----------------------------------------------------------------------------


def test_alice_who_manages_is_told_on_the_documents_page_and_bob_is_not(client, alice, bob, handbook, index):
    add(index, "Cut", (400, 100))
    page, told = reverse("knowledge_base", args=[handbook.pk]), reverse("not_read", args=[handbook.pk])
    client.force_login(alice)
    shown = client.get(page).content.decode()
    assert "75.00 % of the text was never read" in shown
    assert told in shown
    client.force_login(bob)
    assert told not in client.get(page).content.decode()


def test_where_all_was_read_the_documents_page_says_nothing_of_it(client, alice, handbook, index):
    add(index, "Whole", (400, 400))
    client.force_login(alice)
    assert reverse("not_read", args=[handbook.pk]) not in client.get(
        reverse("knowledge_base", args=[handbook.pk])
    ).content.decode().replace("/not-read?", "")


def test_alice_goes_from_the_share_to_the_document_to_the_passage(client, alice, handbook, index):
    document = add(index, "Travel policy", (400, 100), whole=(900, 800))
    client.force_login(alice)
    address = reverse("not_read", args=[handbook.pk])
    shown = client.get(address).content.decode()
    assert "Travel policy" in shown
    assert "300 tokens at the end of 1 passage were never read." in shown
    assert "As a whole, 100 of its 900 tokens were never read." in shown
    link = f"{address}?document={document.pk}"
    assert link in shown
    page = client.get(link).content.decode()
    assert "the last 300 of 400 tokens" in page and "<html" in page
    assert f"?chunk={document.listed[0].pk}#passage" in page
    assert "<html" not in client.get(link, headers=HTMX).content.decode()


def test_a_knowledge_base_that_lost_nothing_says_so(client, alice, handbook, index):
    add(index, "Whole", (400, 400))
    client.force_login(alice)
    assert "Everything was read" in client.get(reverse("not_read", args=[handbook.pk])).content.decode()


def test_before_anything_is_indexed_the_page_says_that(client, alice, handbook):
    client.force_login(alice)
    assert "Nothing was indexed here yet." in client.get(reverse("not_read", args=[handbook.pk])).content.decode()


@pytest.mark.parametrize("document", ["nonsense", "11111111-1111-1111-1111-111111111111"])
def test_a_document_that_is_not_there_is_not_found(client, alice, handbook, index, document):
    client.force_login(alice)
    assert client.get(reverse("not_read", args=[handbook.pk]), {"document": document}).status_code == 404


def test_a_document_of_another_knowledge_base_is_not_found(client, alice, handbook, index):
    elsewhere = add(make_index(KnowledgeBase.objects.create(name="Other")), "Elsewhere", (300, 100))
    client.force_login(alice)
    assert client.get(reverse("not_read", args=[handbook.pk]), {"document": elsewhere.pk}).status_code == 404


def test_bob_who_only_reads_finds_no_such_page(client, bob, handbook, index):
    client.force_login(bob)
    assert client.get(reverse("not_read", args=[handbook.pk])).status_code == 404


def test_an_administrator_sees_every_knowledge_base(client, admin, alice, handbook, index):
    add(index, "Cut", (400, 100))
    client.force_login(admin)
    shown = client.get(reverse("admin:search_never_embedded")).content.decode()
    assert "Handbook" in shown and "75.00 %" in shown
    assert reverse("not_read", args=[handbook.pk]) in shown
    client.force_login(alice)
    assert client.get(reverse("admin:search_never_embedded"), follow=True).status_code == 404
