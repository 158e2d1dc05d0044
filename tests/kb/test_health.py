"""Machines may ask after Lectern's health; only administrators read the details."""

import pytest

from kb import health
from kb.beats import beat


@pytest.fixture(autouse=True)
def _ask_anew(monkeypatch):
    monkeypatch.setattr(health, "KEEP_SECONDS", -1.0)


@pytest.fixture
def all_well(monkeypatch):
    monkeypatch.setattr(health, "CHECKS", {"database": health.database, "disk": lambda: ""})


@pytest.fixture
def broken(monkeypatch):
    monkeypatch.setattr(health, "CHECKS", {"redis": lambda: "Redis does not answer: no such file"})


def test_livez_asks_no_database(client):
    response = client.get("/livez")  # without a database mark, any query would fail
    assert (response.status_code, response.content) == (200, b"ok")


@pytest.mark.django_db
def test_readyz_is_ok_when_all_is_well(client, all_well):
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"ok": True})
    assert "no-cache" in response["Cache-Control"]


@pytest.mark.django_db
def test_strangers_learn_only_that_something_is_wrong(client, alice, broken):
    for _ in ("a stranger", "Alice, who is no administrator"):
        response = client.get("/readyz")
        assert (response.status_code, response.json()) == (503, {"ok": False})
        client.force_login(alice)


def test_an_administrator_reads_what_is_wrong(client, admin, broken):
    client.force_login(admin)
    assert client.get("/readyz").json() == {
        "ok": False,
        "problems": {"redis": "Redis does not answer: no such file"},
        "oldest_queued_seconds": 0,
    }


@pytest.mark.django_db
def test_a_redis_and_a_chroma_that_are_away_are_told(settings, tmp_path):
    settings.KB_REDIS_URL = f"redis+socket://{tmp_path}/none.sock"
    settings.KB_DATA, settings.KB_CHROMA_URL = tmp_path, "http://127.0.0.1:9"
    assert health.broker() == "Redis does not answer: it was not started"
    settings.KB_REDIS_URL = "redis://127.0.0.1:9/0"
    assert health.broker().startswith("Redis does not answer: ")
    assert health.chroma().startswith("Chroma does not answer, so search compares all vectors instead")


@pytest.mark.django_db
def test_a_silent_reconciler_is_told_and_a_beating_one_is_fine():
    assert health.reconciler() == "The reconciler has not been heard of for a while."
    beat("reconciler")
    assert health.reconciler() == ""


@pytest.mark.django_db
def test_a_full_disk_is_told(monkeypatch):
    monkeypatch.setattr(health, "FREE_BYTES", 10**18)
    assert health.disk().endswith("MB are free in the data folder.")
