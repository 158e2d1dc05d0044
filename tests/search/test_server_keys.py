"""A key goes to the server that it is for, and to no other."""

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.urls import reverse

from search.lane import engine_settings
from search.models import Preset
from search.presets.chosen import settings_of
from search.presets.server_keys import is_key, key_for
from search.presets.start import start_of
from tests.search.odd_server import OddServer

KEY = "KB_EMBEDDING_API_KEY"
OWN, OTHER = "https://api.example.org/v1", "https://elsewhere.example.net/v1"


@pytest.fixture(autouse=True)
def environment(monkeypatch, settings):
    monkeypatch.setenv("KB_EMBEDDING_API_KEY", "sesame")
    monkeypatch.setenv("KB_EMBEDDING_API_KEY_OTHER", "mellon")
    monkeypatch.setenv("KB_SECRET_KEY", "nobody's business")
    settings.KB_EMBEDDING_URL = OWN


@pytest.mark.parametrize(
    ("url", "variable", "key"),
    [
        (OWN, "", "sesame"),
        ("https://api.example.org:443/another/path", "", "sesame"),
        (OTHER, "", ""),
        ("http://api.example.org/v1", "", ""),
        ("https://api.example.org:8443/v1", "", ""),
        ("https://api.example.org.evil.net/v1", "", ""),
        ("https://api.example.org@evil.net/v1", "", ""),
        (OTHER, "KB_EMBEDDING_API_KEY_OTHER", "mellon"),
        (OTHER, "KB_EMBEDDING_API_KEY", "sesame"),
        (OTHER, "KB_EMBEDDING_API_KEY_UNSET", ""),
        (OTHER, "KB_SECRET_KEY", ""),
    ],
)
def test_a_server_gets_the_key_that_is_meant_for_it(url, variable, key):
    assert key_for(url, variable) == key
    preset = Preset(engine="server", model="m", url=url, api_key_variable=variable, dimension=8, max_tokens=8)
    assert settings_of(preset).api_key == engine_settings(preset).api_key == key


def test_without_an_address_of_the_installations_server_its_key_goes_nowhere_by_itself(settings):
    settings.KB_EMBEDDING_URL = ""
    assert key_for(OWN) == ""


def test_a_key_may_lie_in_a_file(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("from a file\n")
    monkeypatch.setenv("KB_EMBEDDING_API_KEY_THIRD_FILE", str(tmp_path / "key"))
    assert key_for(OTHER, "KB_EMBEDDING_API_KEY_THIRD") == "from a file"


def test_a_model_of_the_embed_worker_needs_no_key():
    assert settings_of(Preset(model="m", dimension=8, max_tokens=8, url=OWN)).api_key == ""


@pytest.mark.parametrize("variable", ["KB_SECRET_KEY", "PATH", f"{KEY}_", f"{KEY}_A_FILE", f"{KEY}S"])
def test_no_other_variable_can_be_named(variable):
    assert not is_key(variable)
    preset = Preset(name="x", model="m", dimension=8, max_tokens=8, api_key_variable=variable)
    with pytest.raises(ValidationError) as caught:
        preset.clean_fields(exclude=["fingerprint"])
    assert "api_key_variable" in caught.value.message_dict


@pytest.fixture
def server():
    running = OddServer()
    running.habits.key = "mellon"
    yield running
    running.stop()


def asked(**query) -> QueryDict:
    found = QueryDict(mutable=True)
    found.update(query)
    return found


@pytest.mark.django_db
def test_a_new_preset_starts_from_a_server_with_the_key_that_is_named(server, client, admin):
    start = start_of(asked(url=server.url, key="KB_EMBEDDING_API_KEY_OTHER", served="odd-model"))
    assert start.error == ""
    assert (start.initial["api_key_variable"], start.initial["dimension"]) == ("KB_EMBEDDING_API_KEY_OTHER", 8)
    assert "401: Unauthorized" in start_of(asked(url=server.url, served="odd-model")).error
    client.force_login(admin)
    query = {"url": server.url, "key": "KB_EMBEDDING_API_KEY_OTHER"}
    page = client.get(reverse("admin:search_preset_add"), query).content.decode()
    assert "key=KB_EMBEDDING_API_KEY_OTHER&amp;served=odd-model" in page


@pytest.mark.django_db
def test_a_preset_whose_key_is_not_set_says_so(client, admin):
    preset = Preset.objects.create(
        name="x", engine="server", model="m", url=OTHER, dimension=8, max_tokens=8,
        api_key_variable="KB_EMBEDDING_API_KEY_UNSET",
    )  # fmt: skip
    client.force_login(admin)
    page = client.get(reverse("admin:search_preset_change", args=[preset.pk])).content.decode()
    assert "KB_EMBEDDING_API_KEY_UNSET is not set" in page
