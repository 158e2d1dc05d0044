"""A wrong setting becomes a sentence at the start."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from kb import checks
from search.keywords import ENGINES as KEYWORDS
from search.stores import ENGINES as STORES

ROOT = Path(__file__).resolve().parents[2]


def sentences(found) -> list[str]:
    return [message.msg for message in found]


def test_a_data_folder_on_a_network_file_system_is_refused_for_sqlite(settings, tmp_path, monkeypatch):
    settings.KB_DATA = tmp_path
    monkeypatch.setattr(checks, "file_system", lambda folder: "nfs4")
    monkeypatch.setattr(checks, "connection", SimpleNamespace(vendor="sqlite"))
    assert "SQLite loses data" in sentences(checks.check_data_folder(None))[0]
    monkeypatch.setattr(checks, "connection", SimpleNamespace(vendor="postgresql"))
    assert checks.check_data_folder(None) == []


def test_the_file_system_is_that_of_the_nearest_mount(tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/sda1 / ext4 rw 0 0\nserver:/x /srv/my\\040data nfs4 rw 0 0\n")
    monkeypatch.setattr(checks, "MOUNTS", mounts)
    assert checks.file_system(Path("/srv/my data/lectern")) == "nfs4"
    assert checks.file_system(Path("/srv/lectern")) == "ext4"


def test_debug_on_an_open_address_is_refused(settings):
    settings.DEBUG, settings.KB_HOST = True, "0.0.0.0"
    assert "KB_DEBUG shows the program's insides" in sentences(checks.check_exposure(None))[0]


def test_any_host_name_and_a_short_secret_are_refused(settings):
    settings.ALLOWED_HOSTS, settings.SECRET_KEY = ["*"], "short"
    assert [message.id for message in checks.check_exposure(None)] == ["kb.E004", "kb.E005"]


def test_an_open_address_without_a_name_is_told(settings):
    settings.KB_HOST, settings.ALLOWED_HOSTS = "0.0.0.0", ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"]
    assert [message.id for message in checks.check_names(None)] == ["kb.W002"]
    settings.ALLOWED_HOSTS = ["lectern.example.org"]
    assert checks.check_names(None) == []


def test_a_proxy_without_trusted_origins_is_told(settings):
    settings.BEHIND_PROXY, settings.CSRF_TRUSTED_ORIGINS = True, []
    assert [message.id for message in checks.check_proxy(None)] == ["kb.W001"]


def test_the_defaults_are_fine(settings):
    assert checks.check_data_folder(None) == checks.check_exposure(None) == checks.check_proxy(None) == []


@pytest.mark.parametrize(
    ("store", "uri", "said"),
    [
        ("milvus", "tcp://milvus:19530", "kb.E007"),
        ("milvus", "http://milvus:19530", None),
        ("milvus", "", None),
        ("chroma", "tcp://milvus:19530", None),
        ("milvus", "old.db", "kb.E009"),
    ],
)
def test_an_address_that_milvus_cannot_have_is_told(settings, tmp_path, store, uri, said):
    (tmp_path / "old.db").write_text("of an older version")
    settings.KB_DATA, settings.KB_VECTOR_STORE, settings.KB_MILVUS_URI = tmp_path, store, uri
    assert [message.id for message in checks.check_stores(None)] == ([said] if said else [])


def test_an_engine_that_is_not_installed_is_told(settings, monkeypatch):
    settings.KB_VECTOR_STORE, settings.KB_KEYWORD_INDEX = "faiss", "milvus"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert [message.id for message in checks.check_stores(None)] == ["kb.E006", "kb.E006", "kb.E008"]


def test_the_nightly_check_has_an_hour_of_the_day(settings):
    settings.KB_CHECK_HOUR = 24
    assert [message.id for message in checks.check_hour(None)] == ["kb.E010"]
    settings.KB_CHECK_HOUR = -1
    assert checks.check_hour(None) == []


@pytest.mark.parametrize(("setting", "engines"), [("KB_VECTOR_STORE", STORES), ("KB_KEYWORD_INDEX", KEYWORDS)])
def test_every_engine_can_be_chosen_by_its_setting(tmp_path, setting, engines):
    for engine in engines:
        environment = {**os.environ, "KB_DATA": str(tmp_path), setting: engine}
        program = f"from kb import settings; print(settings.{setting})"
        said = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, env=environment, text=True)
        assert said.strip() == engine


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("KB_PORT", "many", "KB_PORT must be a whole number, not 'many'."),
        ("KB_VECTOR_STORE", "pinecone", "KB_VECTOR_STORE must be one of chroma, faiss, milvus, exact, not 'pinecone'."),
        ("KB_DEBUG", "yep", "KB_DEBUG must be yes or no, not 'yep'."),
        ("KB_DATA", "/dev/null/data", "The folder /dev/null/data cannot be made: Not a directory. See KB_DATA."),
    ],
)
def test_a_setting_that_cannot_be_read_is_one_sentence(tmp_path, name, value, sentence):
    environment = {**os.environ, "KB_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "kb.settings", name: value}
    done = subprocess.run(
        [sys.executable, "manage.py", "run"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.strip() == sentence
