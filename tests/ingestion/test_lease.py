"""A document has one worker at a time, and a worker that lost it writes nothing."""

from datetime import timedelta

import pytest
from django.db.models import Q
from django.utils import timezone

from ingestion import lease, reconcile
from kb.models import Document

Status, Stage = Document.Status, Document.Stage


@pytest.fixture
def document(handbook):
    return Document.objects.create(
        knowledge_base=handbook, title="Rules", name="rules.txt", media_type="text/plain", size=5, sha256="0" * 64
    )


def test_two_workers_do_not_get_the_same_document(document):
    assert lease.claim(Q(pk=document.pk), "one:1:a") == 1
    assert lease.claim(Q(pk=document.pk), "two:2:b") == 0


def test_a_claim_counts_as_an_attempt(document):
    lease.claim(Q(pk=document.pk), "one:1:a")
    document.refresh_from_db()
    assert document.attempt == 1


def test_a_worker_that_lost_its_document_writes_nothing(document):
    lease.claim(Q(pk=document.pk), "one:1:a")
    Document.objects.update(worker="two:2:b")
    with pytest.raises(lease.LeaseLost):
        lease.write(document, "one:1:a", title="Written by a ghost")
    document.refresh_from_db()
    assert document.title == "Rules"


def test_a_deleted_document_cannot_be_written(document):
    lease.claim(Q(pk=document.pk), "one:1:a")
    Document.objects.update(deleted_at=timezone.now())
    with pytest.raises(lease.LeaseLost):
        lease.write(document, "one:1:a", title="Too late")


def test_a_dead_process_of_this_machine_is_noticed(monkeypatch):
    import subprocess
    import sys

    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    mine = lease.new_worker()
    assert not lease.is_dead(mine)
    host, _pid, rest = mine.split(":")
    assert lease.is_dead(f"{host}:{child.pid}:{rest}")


def test_a_worker_of_another_machine_is_never_called_dead():
    assert not lease.is_dead("elsewhere:1:abc")


def test_lost_work_is_queued_again_when_its_lease_ends(document):
    lease.claim(Q(pk=document.pk), "elsewhere:1:a")
    assert reconcile.free_lost_work() == 0
    Document.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert reconcile.free_lost_work() == 1
    document.refresh_from_db()
    assert (document.status, document.worker) == (Status.QUEUED, "")


def test_after_three_deaths_in_parsing_a_document_has_failed_with_a_sentence(document, settings):
    for _ in range(settings.KB_MAX_ATTEMPTS):
        assert lease.claim(Q(pk=document.pk), "elsewhere:1:a") == 1
        Document.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        reconcile.free_lost_work()
    document.refresh_from_db()
    assert document.status == Status.FAILED
    assert document.error == "The worker stopped 3 times while it was at this document."


def test_embedding_holds_the_death_of_its_worker_against_a_document_only_later(document, settings):
    Document.objects.update(stage=Stage.EMBEDDING)
    for death in range(1, settings.KB_MAX_ATTEMPTS * 2 + 1):
        lease.claim(Q(pk=document.pk), "elsewhere:1:a")
        Document.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        reconcile.free_lost_work()
        document.refresh_from_db()
        assert document.status == (Status.FAILED if death == 6 else Status.QUEUED)


def test_released_work_is_free_at_once(document):
    lease.claim(Q(pk=document.pk), "one:1:a")
    lease.release(Q(), "one:1:a")
    assert lease.claim(Q(pk=document.pk), "two:2:b") == 1
