"""The pages of topics and tags, and what documents' pages show of versions and tags."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from kb.models import Document, Membership, Role
from search.models import DocumentTag, OrganisingJob, Resemblance, Tag, Topic, TopicDocument
from search.organising import jobs as organising_jobs
from search.organising.families import confirm
from search.organising.organised import marks_of, with_marks
from tests.search.papers import paper

ACCEPTED, REFUSED, SUGGESTED = DocumentTag.State.ACCEPTED, DocumentTag.State.REFUSED, DocumentTag.State.SUGGESTED


@pytest.fixture(autouse=True)
def silent(monkeypatch):
    monkeypatch.setattr(organising_jobs, "send", lambda task, *arguments: True)


@pytest.fixture
def two(handbook):
    return paper(handbook, "old.docx", "text", title="Old policy"), paper(handbook, "new.docx", "text", title="Policy")


@pytest.fixture
def pair(two):
    old, new = two
    return Resemblance.objects.create(later=new, earlier=old, shared=0.928, contained=0.95)


def shown(client, user, name, *arguments, **query) -> str:
    client.force_login(user)
    return client.get(reverse(name, args=arguments), query).content.decode()


def sent(client, user, route, /, *arguments, **data):
    client.force_login(user)
    return client.post(reverse(route, args=arguments), data)


def topic(base, *documents: Document, name="Travel, costs") -> Topic:
    made = Topic.objects.create(
        knowledge_base=base, ordinal=Topic.objects.count() + 1, name=name, words=[*name.split(", "), "x", "hotels"]
    )
    for n, document in enumerate(documents):
        TopicDocument.objects.create(topic=made, document=document, similarity=1 - n / 100)
    return made


def test_topics_are_shown_with_words_and_nearest_documents(client, bob, handbook, two):
    topic(handbook, *two)
    page = shown(client, bob, "topics", handbook.pk)
    assert page.index("Old policy") < page.index(">Policy<")
    assert "hotels" in page
    assert "2 documents" in page
    assert "Find topics again" not in page


def test_an_editor_has_topics_found_again(client, alice, handbook):
    assert "Find topics again" in shown(client, alice, "topics", handbook.pk)
    assert sent(client, alice, "topics_find", handbook.pk).status_code == 302
    page = shown(client, alice, "topics", handbook.pk)
    assert "waiting for a worker" in page
    assert 'hx-trigger="every 2s"' in page


def test_what_went_wrong_is_said(client, bob, handbook):
    OrganisingJob.objects.create(knowledge_base=handbook, kind="topics", state="failed", error="No model.")
    assert "No model." in shown(client, bob, "topics", handbook.pk)


def test_many_topics_take_no_more_queries_than_one(client, bob, handbook):
    topic(handbook, *(paper(handbook, f"{n}.txt", "x") for n in range(3)))
    shown(client, bob, "topics", handbook.pk)
    with CaptureQueriesContext(connection) as few:
        shown(client, bob, "topics", handbook.pk)
    for number in range(4):
        topic(handbook, *(paper(handbook, f"{number}-{n}.txt", "x") for n in range(7)), name=f"a{number}, b")
    with CaptureQueriesContext(connection) as many:
        page = shown(client, bob, "topics", handbook.pk)
    assert len(many) == len(few)
    assert page.count("4-") + page.count("3-") >= 5


def test_the_list_of_documents_is_filtered_by_topic_and_tag(client, bob, handbook, two):
    old, new = two
    made, tag = topic(handbook, old), Tag.objects.create(knowledge_base=handbook, name="Rules")
    DocumentTag.objects.create(tag=tag, document=new, state=ACCEPTED)
    DocumentTag.objects.create(tag=tag, document=old, state=SUGGESTED)
    client.force_login(bob)
    url = reverse("knowledge_base", args=[handbook.pk])
    titles = lambda query: {each.title for each in client.get(url, query).context["listing"].page}  # noqa: E731
    assert titles({"topic": made.pk}) == {"Old policy"}
    assert titles({"tag": tag.pk}) == {"Policy"}
    assert titles({"topic": made.pk, "tag": tag.pk}) == set()
    assert titles({"topic": "nonsense", "tag": "-1"}) == {"Old policy", "Policy"}
    assert titles({"topic": made.pk + 1000}) == {"Old policy", "Policy"}
    assert "Topic: Travel, costs" in client.get(url, {"topic": made.pk}).content.decode()


def test_a_manager_defines_tags(client, alice, handbook):
    assert sent(client, alice, "tag_add", handbook.pk, name=" Travel  rules ", description="x").status_code == 302
    tag = Tag.objects.get()
    assert (tag.name, OrganisingJob.objects.get().kind) == ("Travel rules", "tags")
    again = sent(client, alice, "tag_add", handbook.pk, name="travel rules")
    assert (again.status_code, Tag.objects.count()) == (422, 1)
    assert "There is a tag of this name already." in again.content.decode()
    sent(client, alice, "tag", handbook.pk, tag.pk, name="Journeys", description="")
    tag.refresh_from_db()
    assert tag.name == "Journeys"
    sent(client, alice, "tag_delete", handbook.pk, tag.pk)
    assert not Tag.objects.exists()


def test_an_editor_decides_about_suggestions_at_once(client, bob, handbook, two):
    Membership.objects.filter(user=bob).update(role=Role.EDITOR)
    tag = Tag.objects.create(knowledge_base=handbook, name="Rules")
    for document in two:
        DocumentTag.objects.create(tag=tag, document=document, similarity=3)
    assert "2 documents seem to fit" in shown(client, bob, "tag", handbook.pk, tag.pk)
    sent(client, bob, "tag_decide", handbook.pk, tag.pk, document=[two[0].pk], answer="accept")
    sent(client, bob, "tag_decide", handbook.pk, tag.pk, document=[two[1].pk, "nonsense"], answer="refuse")
    assert dict(tag.on.values_list("document__name", "state")) == {"old.docx": ACCEPTED, "new.docx": REFUSED}
    assert "1 document" in shown(client, bob, "tags", handbook.pk)


def test_documents_of_another_knowledge_base_get_no_tag(client, alice, handbook):
    from kb.models import KnowledgeBase

    other = KnowledgeBase.objects.create(name="Other")
    Membership.objects.create(knowledge_base=other, user=alice, role=Role.MANAGER)
    tag = Tag.objects.create(knowledge_base=handbook, name="Rules")
    foreign = paper(other, "foreign.txt", "text")
    sent(client, alice, "tag_decide", handbook.pk, tag.pk, document=[foreign.pk], answer="accept")
    assert sent(client, alice, "document_tag", foreign.pk, tag=tag.pk, answer="accept").status_code == 404
    assert not DocumentTag.objects.exists()


def test_tags_are_given_and_taken_on_the_documents_page(client, alice, handbook, two):
    tag = Tag.objects.create(knowledge_base=handbook, name="Rules")
    assert "Add a tag" in shown(client, alice, "document", two[0].pk)
    sent(client, alice, "document_tag", two[0].pk, tag=tag.pk, answer="accept")
    assert DocumentTag.objects.get().state == ACCEPTED
    answer = client.post(
        reverse("document_tag", args=[two[0].pk]), {"tag": tag.pk, "answer": "refuse"}, headers={"HX-Request": "true"}
    )
    assert DocumentTag.objects.get().state == REFUSED
    assert "<html" not in answer.content.decode()


def test_a_viewer_sees_suggestions_but_has_no_buttons(client, bob, handbook, pair):
    tag = Tag.objects.create(knowledge_base=handbook, name="Rules")
    DocumentTag.objects.create(tag=tag, document=pair.later)
    for page in (shown(client, bob, "document", pair.later_id), shown(client, bob, "knowledge_base", handbook.pk)):
        assert "Looks like a new version of" in page
        assert "92 % the same" in page
        assert "Rules?" in page
        assert "It replaces it" not in page


def test_an_editor_says_what_is_a_new_version(client, alice, handbook, pair):
    assert "It replaces it" in shown(client, alice, "knowledge_base", handbook.pk)
    answer = sent(client, alice, "document_version", pair.later_id, pair=pair.pk, answer="version", back="list")
    assert answer["Location"].startswith(reverse("knowledge_base", args=[handbook.pk]))
    assert Document.objects.get(name="old.docx").superseded_by.name == "new.docx"
    assert "superseded by “Policy”" in shown(client, alice, "knowledge_base", handbook.pk)
    assert "There is a newer version:" in shown(client, alice, "document", pair.earlier_id)
    assert "Version 2 of 2" in shown(client, alice, "document", pair.later_id)


@pytest.fixture
def third(handbook, pair):
    """A document that looks like the second of two versions."""
    confirm(pair)
    document = paper(handbook, "newest.docx", "text", title="Rules")
    return Resemblance.objects.create(later=document, earlier=pair.later, shared=0.9, contained=0.95)


def test_a_third_version_is_called_so(client, alice, handbook, third):
    for page in (
        shown(client, alice, "document", third.later_id), shown(client, alice, "knowledge_base", handbook.pk),
    ):  # fmt: skip
        assert "Looks like version 3 of" in page
        assert "Looks like a new version of" not in page
    sent(client, alice, "document_version", third.later_id, pair=third.pk, answer="version")
    assert "Version 3 of 3" in shown(client, alice, "document", third.later_id)


def test_the_number_counts_living_versions_of_both_sides(client, alice, handbook, pair, third):
    first = paper(handbook, "draft.docx", "text", title="Draft")
    confirm(Resemblance.objects.create(later=third.later, earlier=first, shared=0.5))  # it has an older one itself
    assert "Looks like version 4 of" in shown(client, alice, "document", third.later_id)
    Document.objects.filter(pk=pair.earlier_id).update(deleted_at=timezone.now())
    assert "Looks like version 3 of" in shown(client, alice, "document", third.later_id)


def test_a_text_that_is_most_like_an_older_version_is_the_next_one_all_the_same(client, alice, pair, third):
    Resemblance.objects.filter(pk=third.pk).update(earlier=pair.earlier)
    assert "Looks like version 3 of" in shown(client, alice, "document", third.later_id)


def test_what_is_in_the_family_already_is_not_asked_about(client, alice, pair, third):
    confirm(third)
    Resemblance.objects.create(later=third.later, earlier=pair.earlier, shared=0.9)
    assert "Looks like" not in shown(client, alice, "document", third.later_id)


def test_the_list_says_what_a_document_was_taken_for(client, bob, handbook, third):
    confirm(third)
    Resemblance.objects.filter(pk=third.pk).update(decided_by_person=False)
    page = shown(client, bob, "knowledge_base", handbook.pk)
    assert page.count("Taken for version 3 of") == 1
    assert "Taken for version 3 of" in shown(client, bob, "document", third.later_id)


def test_a_row_is_shown_anew_when_its_number_changes(handbook, pair, third):
    row = lambda: with_marks(Document.objects.all()).get(pk=third.later_id)  # noqa: E731
    before = marks_of(row())
    assert before == marks_of(row())
    Document.objects.filter(pk=pair.earlier_id).update(deleted_at=timezone.now())
    assert marks_of(row()) != before


def test_the_api_says_what_a_document_looks_like(alice, handbook, third):
    said = asked(alice, "get", f"documents/{third.later_id}").json()["looks_like"]
    assert said == {"document": str(third.earlier_id), "title": "Policy", "version": 3, "shared": 0.9}
    listed = asked(alice, "get", f"knowledge-bases/{handbook.pk}/documents").json()["documents"]
    assert [one["looks_like"] and one["looks_like"]["version"] for one in listed] == [3, None, None]


def test_what_was_taken_for_a_version_can_be_undone(client, alice, handbook, pair):
    confirm(pair)
    Resemblance.objects.update(decided_by_person=False)
    assert "Taken for a new version of" in shown(client, alice, "document", pair.later_id)
    sent(client, alice, "document_version", pair.later_id, pair=pair.pk, answer="no")
    assert Document.objects.filter(superseded_by__isnull=False).count() == 0
    assert "new version of" not in shown(client, alice, "document", pair.later_id)


@pytest.mark.parametrize("number", ["", "x", "987654"])
def test_a_pair_that_is_not_there_is_not_found(client, alice, pair, number):
    assert sent(client, alice, "document_version", pair.later_id, pair=number, answer="no").status_code == 404


def test_the_same_text_in_another_format_is_called_so(client, alice, pair):
    Resemblance.objects.update(shared=1.0)
    Document.objects.filter(pk=pair.later_id).update(media_type="application/pdf")
    assert "Says in another format the same as" in shown(client, alice, "document", pair.later_id)


def test_a_text_that_became_longer_is_called_so(client, alice, pair):
    Resemblance.objects.update(shared=0.4, contained=0.98)
    assert "98 % of the shorter one is in both" in shown(client, alice, "document", pair.later_id)


def test_the_list_takes_no_more_queries_for_many_marks(client, alice, handbook, pair):
    tag = Tag.objects.create(knowledge_base=handbook, name="Rules")
    shown(client, alice, "knowledge_base", handbook.pk)
    with CaptureQueriesContext(connection) as few:
        shown(client, alice, "knowledge_base", handbook.pk)
    for n in range(10):
        document = paper(handbook, f"{n}.txt", "x", superseded_by=pair.later)
        DocumentTag.objects.create(tag=tag, document=document, state=ACCEPTED)
        Resemblance.objects.create(later=document, earlier=pair.earlier, shared=0.9)
    with CaptureQueriesContext(connection) as many:
        shown(client, alice, "knowledge_base", handbook.pk)
    assert len(many) <= len(few)


def test_names_are_text_and_nothing_more(client, alice, handbook, two):
    evil = '"><script>alert(1)</script>'
    DocumentTag.objects.create(tag=Tag.objects.create(knowledge_base=handbook, name=evil), document=two[0])
    topic(handbook, two[0], name=evil)
    for name in ("topics", "tags", "knowledge_base"):
        assert "<script>alert" not in shown(client, alice, name, handbook.pk)
    assert "<script>alert" not in shown(client, alice, "document", two[0].pk)


def asked(user, method, path, **headers):
    from django.test import Client

    from kb.models import ApiKey

    key = ApiKey.issue(user, "test")[1]
    return getattr(Client(headers={"authorization": f"Bearer {key}"}), method)(f"/api/v1/{path}")


def test_the_api_says_topics_tags_and_versions(alice, handbook, two, pair):
    confirm(pair)
    topic(handbook, *two)
    tag = Tag.objects.create(knowledge_base=handbook, name="Rules")
    DocumentTag.objects.create(tag=tag, document=two[0])
    old, new = (str(document.pk) for document in two)
    topics = asked(alice, "get", f"knowledge-bases/{handbook.pk}/topics").json()
    assert topics[0]["documents"] == [old, new]
    tags = asked(alice, "get", f"knowledge-bases/{handbook.pk}/tags").json()
    assert [(each["name"], each["accepted"], each["suggested"]) for each in tags] == [("Rules", 0, 1)]
    versions = asked(alice, "get", f"documents/{old}/versions").json()
    assert [(each["id"], each["is_newest"]) for each in versions] == [(old, False), (new, True)]
    assert asked(alice, "get", f"documents/{old}").json()["superseded_by"] == new


def test_the_api_gives_and_takes_tags(alice, handbook, two):
    tag = Tag.objects.create(knowledge_base=handbook, name="Travel rules").pk
    path = f"documents/{two[0].pk}"
    assert asked(alice, "put", f"{path}/tags/{tag}").status_code == 204
    assert asked(alice, "get", path).json()["tags"] == ["Travel rules"]
    listed = asked(alice, "get", f"knowledge-bases/{handbook.pk}/documents?tag={tag}").json()
    assert [each["id"] for each in listed["documents"]] == [str(two[0].pk)]
    assert asked(alice, "delete", f"{path}/tags/{tag}").status_code == 204
    assert asked(alice, "get", path).json()["tags"] == []
    assert asked(alice, "put", f"{path}/tags/987654").status_code == 404
