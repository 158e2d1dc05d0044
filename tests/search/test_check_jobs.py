"""A check is a job like any other: begun once, seen to its end, shown to administrators."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from kb.models import KnowledgeBase
from kb.workers import new_worker
from search.checking import jobs as check_jobs
from search.checking.check import check_part, parts
from search.models import IndexCheck
from search.place import place
from search.stores import open_store
from tests.integration.lectern import until
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


def test_the_database_lets_one_check_run_at_a_time(index):
    one, other = check_jobs.start(repair=False), check_jobs.start(repair=True)
    assert check_jobs._claim(one.pk, "elsewhere:1:abc")
    assert not check_jobs._claim(other.pk, "elsewhere:2:abc")
    assert check_jobs.begin_here(repair=False, knowledge_base=None, sample=1, worker="elsewhere:3:abc") is None
    assert set(IndexCheck.objects.values_list("pk", "state")) == {(one.pk, State.RUNNING), (other.pk, State.QUEUED)}


def lose_its_worker():
    IndexCheck.objects.filter(state=State.RUNNING).update(lease_until=timezone.now() - timedelta(seconds=1))
    check_jobs.tend()


def test_a_check_whose_worker_died_begins_again_and_fails_in_the_end(index, settings):
    check = check_jobs.start(repair=False)
    for _ in range(settings.KB_MAX_ATTEMPTS):
        assert check_jobs._claim(check.pk, "elsewhere:1:abc")
        lose_its_worker()
    check.refresh_from_db()
    assert check.state == State.FAILED
    assert "stopped 3 times" in check.error


def killed_at(part: int, monkeypatch) -> list[str]:
    """From here on a worker dies at its so-manieth part; the keys of the parts that were looked at."""
    looked: list[str] = []

    def look(one, **how):
        looked.append(one.key)
        if len(looked) == part:
            raise SystemExit
        return check_part(one, **how)

    monkeypatch.setattr(check_jobs, "check_part", look)
    return looked


def test_a_check_goes_on_where_its_worker_was_killed_and_says_what_was_repaired_before(index, monkeypatch):
    open_store().drop(index.collection)
    check = check_jobs.start(repair=True)
    looked = killed_at(4, monkeypatch)
    with pytest.raises(SystemExit):
        check_jobs.run(check.pk)
    lose_its_worker()
    check.refresh_from_db()
    assert (check.state, check.progress, check.attempt) == (State.QUEUED, 3, 1)
    check_jobs.run(check.pk)
    check.refresh_from_db()
    keys = [part.key for part in parts(None, None)]
    assert looked == [*keys[:4], *keys[3:]]
    assert (check.state, check.found, check.repaired, check.checked["passages"]) == (State.DONE, 3, 2, 2)


def test_it_begins_from_the_start_where_the_part_that_was_last_is_gone(index, monkeypatch):
    check = check_jobs.start(repair=False)
    IndexCheck.objects.update(checked={"last": "999-words", "passages": 5, "parts": 3}, findings=[{"gone": 1}])
    check_jobs.run(check.pk)
    check.refresh_from_db()
    assert (check.state, check.checked["passages"]) == (State.DONE, 2)


def test_deaths_at_different_parts_do_not_add_up(index, monkeypatch, settings):
    check = check_jobs.start(repair=False)
    for _ in range(settings.KB_MAX_ATTEMPTS + 1):
        killed_at(2, monkeypatch)
        with pytest.raises(SystemExit):
            check_jobs.run(check.pk)
        lose_its_worker()
    monkeypatch.setattr(check_jobs, "check_part", check_part)
    check_jobs.run(check.pk)
    check.refresh_from_db()
    assert check.state == State.DONE


@pytest.mark.django_db(transaction=True)
def test_a_part_may_take_longer_than_the_lease(index, settings, monkeypatch):
    settings.KB_LEASE_SECONDS = 2

    def long(part, **_):
        lease = IndexCheck.objects.get().lease_until
        until(lambda: IndexCheck.objects.get().lease_until > lease, 10, "the lease to be renewed")
        check_jobs.free_lost()
        return []

    monkeypatch.setattr(check_jobs, "check_part", long)
    check = check_jobs.start(repair=False, knowledge_base=index.knowledge_base)
    check_jobs.run(check.pk)
    check.refresh_from_db()
    assert (check.state, check.attempt) == (State.DONE, 1)


def test_a_lease_that_was_renewed_just_now_is_not_taken(index, monkeypatch):
    check = check_jobs.start(repair=False)
    assert check_jobs._claim(check.pk, "elsewhere:1:abc")
    IndexCheck.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    held = check_jobs._held

    def renewed_meanwhile(*of):
        IndexCheck.objects.update(lease_until=timezone.now() + timedelta(minutes=1))
        return held(*of)

    monkeypatch.setattr(check_jobs, "_held", renewed_meanwhile)
    check_jobs.free_lost()
    check.refresh_from_db()
    assert (check.state, check.worker) == (State.RUNNING, "elsewhere:1:abc")


def test_no_task_that_takes_long_has_the_limit_of_parsing():
    from ingestion import tasks

    long = (tasks.check_index, tasks.organise, tasks.run_evaluation, tasks.embed_missing)
    assert min(task.time_limit for task in long) > 24 * 3600 > tasks.parse_document.time_limit


def test_the_command_is_a_check_like_any_other(index, capsys):
    with pytest.raises(CommandError, match="1 remain"):  # nobody has the original
        call_command("check_index", "--repair", "--knowledge-base", "Handbook", "--sample", "7")
    check = IndexCheck.objects.get()
    assert (check.state, check.repair, check.sample, check.asked_by) == (State.DONE, True, 7, "manage.py check_index")
    assert (check.progress, check.worker, check.knowledge_base) == (4, "", index.knowledge_base)


def test_the_command_waits_for_a_check_that_runs(index, monkeypatch, capsys):
    IndexCheck.objects.create(state=State.RUNNING, worker="elsewhere:1:a", lease_until=timezone.now())
    slept: list[float] = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            IndexCheck.objects.filter(worker="elsewhere:1:a").update(state=State.DONE)

    monkeypatch.setattr("search.management.commands.check_index.time.sleep", sleep)
    monkeypatch.setattr(check_jobs, "free_lost", lambda: None)
    with pytest.raises(CommandError, match="1 remain"):
        call_command("check_index")
    assert (len(slept), IndexCheck.objects.filter(state=State.DONE).count()) == (3, 2)
    assert capsys.readouterr().err.count("Another check is running; this one begins after it.") == 1


def test_the_command_does_not_wait_for_one_whose_worker_is_dead(index, monkeypatch):
    monkeypatch.setattr("search.management.commands.check_index.WAIT_SECONDS", 0.0)
    IndexCheck.objects.create(state=State.RUNNING, worker="elsewhere:1:a", lease_until=timezone.now())
    with pytest.raises(CommandError, match="1 remain"):
        call_command("check_index", "--knowledge-base", "Handbook", "--sample", "0")
    assert [check.state for check in IndexCheck.objects.order_by("pk")] == [State.QUEUED, State.DONE]


def test_the_command_may_be_stopped(index, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(check_jobs, "check_part", stopped)
    with pytest.raises(CommandError, match="Stopped"):
        call_command("check_index")
    check = IndexCheck.objects.get()
    assert (check.state, check.error) == (State.FAILED, "It was stopped.")


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


def test_a_check_by_hand_is_no_reason_for_one_before_the_first_night(index, settings):
    settings.KB_CHECK_HOUR = (timezone.localtime().hour + 5) % 24
    check_jobs.start(repair=False)
    check_jobs.tend()
    assert [check.repair for check in IndexCheck.objects.all()] == [False]


def test_a_check_that_repaired_nothing_does_not_stand_in_for_the_nights(index, settings):
    settings.KB_CHECK_HOUR = timezone.localtime().hour
    check_jobs.start(repair=False)
    check_jobs.tend()
    assert {check.repair for check in IndexCheck.objects.all()} == {False, True}


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
