"""A check is a job like any other: begun once, seen to its end, shown to administrators."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from kb.models import KnowledgeBase
from kb.workers import new_worker
from search import check_jobs
from search.models import IndexCheck
from search.place import place
from search.stores import open_store
from tests.search.library import add_document, direction, make_index

State = IndexCheck.State
LIST = "admin:search_indexcheck_changelist"


@pytest.fixture(autouse=True)
def rung(settings, tmp_path, monkeypatch):
    """The checks for which a worker was called."""
    calls: list[str] = []
    monkeypatch.setattr(check_jobs, "send", lambda task, pk: calls.append(pk) or True)
    settings.KB_DATA, settings.KB_VECTOR_STORE = tmp_path, "faiss"
    for folder in ("keywords", "files", "pages"):
        (tmp_path / folder).mkdir()
    return calls


@pytest.fixture
def index(db):
    index = make_index(KnowledgeBase.objects.create(name="Handbook"))
    document = add_document(index, "apple", "pear", vectors=[direction(1), direction(0, 1)])
    index.indexed_documents.all().delete()
    place(index, [document])
    return index


@pytest.fixture
def panel(admin, client):
    client.force_login(admin)
    return client


def test_a_check_writes_down_what_it_found(index):
    open_store().drop(index.collection)
    check = check_jobs.start(repair=False)
    check_jobs.run(check.pk)
    check.refresh_from_db()
    assert (check.state, check.found, check.repaired, check.left) == (State.DONE, 3, 0, 3)
    assert check.progress == check.progress_total == 6
    assert check.checked["passages"] == 2
    vectors = next(one for one in check.findings if one["where"] == "vectors")
    assert (vectors["kind"], vectors["count"], vectors["knowledge_base"]) == ("missing", 2, "Handbook")


def test_a_check_that_repairs_says_what_it_repaired(index):
    open_store().drop(index.collection)
    check = check_jobs.start(repair=True)
    check_jobs.run(check.pk)
    check.refresh_from_db()
    assert (check.found, check.repaired, check.left) == (3, 2, 1)  # nobody has the original


def test_asking_twice_before_it_begins_makes_one_check(db, rung):
    assert check_jobs.start(repair=True) == check_jobs.start(repair=True)
    assert check_jobs.start(repair=False).pk != check_jobs.start(repair=True).pk
    assert IndexCheck.objects.count() == 2
    assert len(rung) == 4


def test_a_second_check_waits_for_the_first(index):
    IndexCheck.objects.create(state=State.RUNNING, worker=new_worker(), lease_until=timezone.now() + timedelta(hours=1))
    check = check_jobs.start(repair=False)
    check_jobs.run(check.pk)
    check.refresh_from_db()
    assert check.state == State.QUEUED


def test_a_check_whose_worker_died_begins_again_and_fails_in_the_end(index, settings):
    check = check_jobs.start(repair=False)
    for _ in range(settings.KB_MAX_ATTEMPTS):
        assert check_jobs._claim(check.pk, "elsewhere:1:abc")
        IndexCheck.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        check_jobs.tend()
    check.refresh_from_db()
    assert check.state == State.FAILED
    assert "stopped 3 times" in check.error


def test_what_goes_wrong_unforeseen_is_said(index, monkeypatch):
    monkeypatch.setattr(check_jobs, "check_part", lambda *_, **__: 1 / 0)
    check = check_jobs.start(repair=False)
    with pytest.raises(ZeroDivisionError):
        check_jobs.run(check.pk)
    check.refresh_from_db()
    assert check.state == State.FAILED
    assert "the log of the worker" in check.error


def test_a_check_that_was_given_to_another_worker_writes_nothing(index, monkeypatch):
    check = check_jobs.start(repair=False)

    def overtaken(*_, **__):
        IndexCheck.objects.update(worker="another:1:x")
        return []

    monkeypatch.setattr(check_jobs, "check_part", overtaken)
    check_jobs.run(check.pk)
    check.refresh_from_db()
    assert (check.state, check.progress) == (State.RUNNING, 0)


def test_one_check_a_night_begins_by_itself(index, settings, rung):
    settings.KB_CHECK_HOUR = timezone.localtime().hour
    check_jobs.tend()
    check_jobs.tend()
    assert [check.repair for check in IndexCheck.objects.all()] == [True]
    IndexCheck.objects.update(created_at=timezone.now() - timedelta(days=1, hours=1), state=State.DONE)
    check_jobs.tend()
    assert IndexCheck.objects.count() == 2


def test_no_check_begins_by_itself_where_none_is_wanted(index, settings):
    settings.KB_CHECK_HOUR = -1
    check_jobs.tend()
    assert not IndexCheck.objects.exists()


def test_a_fresh_installation_waits_for_its_first_night(index, settings):
    settings.KB_CHECK_HOUR = (timezone.localtime().hour + 5) % 24
    check_jobs.tend()
    assert not IndexCheck.objects.exists()


@pytest.mark.parametrize(("data", "repairs"), [({}, False), ({"repair": "yes"}, True)])
def test_an_administrator_begins_a_check_by_a_button(panel, rung, data, repairs):
    answer = panel.post(reverse("admin:search_indexcheck_begin"), data, follow=True)
    check = IndexCheck.objects.get()
    assert (check.repair, check.asked_by) == (repairs, "root")
    assert rung == [str(check.pk)]
    assert "The check begins as soon as a worker is free." in answer.text
    assert answer["Refresh"] == "3"


def test_the_page_shows_how_far_a_check_is(panel):
    IndexCheck.objects.create(state=State.RUNNING, progress=2, progress_total=5)
    page = panel.get(reverse(LIST))
    assert "Part 2 of 5 is done." in page.text
    assert page["Refresh"] == "3"


def test_the_page_of_a_check_says_what_it_found(panel, index):
    open_store().drop(index.collection)
    check = check_jobs.start(repair=True)
    check_jobs.run(check.pk)
    page = panel.get(reverse("admin:search_indexcheck_change", args=[check.pk]))
    assert "Vectors are missing from the vector store." in page.text
    assert "Originals are missing. Upload them again." in page.text
    assert "Refresh" not in page


def test_a_check_is_begun_by_a_button_only(panel):
    assert panel.get(reverse("admin:search_indexcheck_begin")).status_code == 405
    assert not IndexCheck.objects.exists()


def test_bob_sees_no_checks(client, bob):
    client.force_login(bob)
    assert client.get(reverse(LIST), follow=True).status_code == 404
    assert client.post(reverse("admin:search_indexcheck_begin"), follow=True).status_code == 404
    assert not IndexCheck.objects.exists()
