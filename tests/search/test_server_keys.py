"""A key goes to the server that it is for, and to no other."""

from importlib import import_module

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.urls import reverse

from search.lane import engine_settings
from search.models import Preset, RerankPreset
from search.presets.chosen import settings_of
from search.presets.server_keys import EMBEDDING, RERANKING, is_key, key_for
from search.presets.start import start_of
from search.rerankers import open_reranker
from search.rerankers.presets import rerank_settings
from tests.search.odd_server import OddServer

OWN, OTHER = "https://api.example.org/v1", "https://elsewhere.example.net/v1"


@pytest.fixture(autouse=True)
def environment(monkeypatch, settings):
    monkeypatch.setenv("KB_EMBEDDING_API_KEY", "sesame")
    monkeypatch.setenv("KB_EMBEDDING_API_KEY_OTHER", "mellon")
    monkeypatch.setenv("KB_RERANK_API_KEY", "ranked")
    monkeypatch.setenv("KB_RERANK_API_KEY_OTHER", "ranked elsewhere")
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
        (OTHER, "KB_RERANK_API_KEY", ""),
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
    monkeypatch.setenv("KB_RERANK_API_KEY_THIRD_FILE", str(tmp_path / "key"))
    assert rerank_settings(reranker("KB_RERANK_API_KEY_THIRD")).api_key == "from a file"


def reranker(variable: str, **fields) -> RerankPreset:
    values = {"name": "x", "engine": "server", "model": "m", "url": f"{OTHER}/rerank", "api_key_variable": variable}
    return RerankPreset(**{**values, **fields})


@pytest.mark.parametrize(
    ("variable", "key"),
    [
        ("", None),
        ("KB_RERANK_API_KEY", "Bearer ranked"),
        ("KB_RERANK_API_KEY_OTHER", "Bearer ranked elsewhere"),
        ("KB_RERANK_API_KEY_UNSET", None),
        ("KB_EMBEDDING_API_KEY", None),
        ("KB_SECRET_KEY", None),
    ],
)
def test_a_reranking_server_gets_the_key_that_its_preset_names_and_else_none(variable, key):
    opened = open_reranker(rerank_settings(reranker(variable)))
    assert opened.client.headers.get("Authorization") == key
    opened.close()


def test_a_reranking_model_of_the_embed_worker_needs_no_key():
    assert rerank_settings(reranker("KB_RERANK_API_KEY", engine="cross_encoder")).api_key == ""


def test_a_model_of_the_embed_worker_needs_no_key():
    assert settings_of(Preset(model="m", dimension=8, max_tokens=8, url=OWN)).api_key == ""


@pytest.mark.parametrize("kind", [EMBEDDING, RERANKING])
@pytest.mark.parametrize("variable", ["KB_SECRET_KEY", "PATH", "{}_", "{}_FILE", "{}_A_FILE", "{}S", "{}_a", "A_{}"])
def test_no_other_variable_can_be_named(kind, variable):
    variable = variable.format(kind)
    assert not is_key(variable, kind)
    refused(preset_of(kind, variable), f"{kind}, or {kind}_ and a name in capitals")


@pytest.mark.parametrize(("kind", "other"), [(EMBEDDING, RERANKING), (RERANKING, EMBEDDING)])
def test_a_key_of_the_other_kind_of_server_cannot_be_named(kind, other):
    for variable in (kind, f"{kind}_OTHER"):
        preset_of(kind, variable).clean_fields(exclude=["fingerprint"])
        refused(preset_of(other, variable), f"{other}, or")


def preset_of(kind: str, variable: str) -> Preset | RerankPreset:
    if kind == RERANKING:
        return reranker(variable)
    return Preset(name="x", model="m", dimension=8, max_tokens=8, api_key_variable=variable)


def refused(preset: Preset | RerankPreset, sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        preset.clean_fields(exclude=["fingerprint"])
    assert sentence in caught.value.message_dict["api_key_variable"][0]


@pytest.mark.django_db
def test_an_upgrade_leaves_reranking_servers_their_key_and_models_here_without_one():
    reranker("").save()
    reranker("", name="here", engine="cross_encoder").save()
    import_module("search.migrations.0017_rerankpreset_api_key_variable").name_the_key(apps, None)
    assert dict(RerankPreset.objects.values_list("name", "api_key_variable")) == {"x": "KB_RERANK_API_KEY", "here": ""}


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


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("variable", "engine", "lacks"),
    [
        ("KB_RERANK_API_KEY_UNSET", "server", True),
        ("KB_RERANK_API_KEY_OTHER", "server", False),
        ("", "server", False),
        ("KB_RERANK_API_KEY_UNSET", "cross_encoder", False),
    ],
)
def test_a_reranking_preset_whose_servers_key_is_not_set_says_so(client, admin, variable, engine, lacks):
    preset = reranker(variable, engine=engine)
    preset.save()
    client.force_login(admin)
    page = client.get(reverse("admin:search_rerankpreset_change", args=[preset.pk])).content.decode()
    assert ("is not set, so that the server gets no key" in page) is lacks


@pytest.mark.django_db
def test_a_reranking_preset_is_written_with_the_name_of_its_key(client, admin):
    client.force_login(admin)
    sent = {"name": "x", "engine": "server", "model": "m", "max_tokens": 512, "url": f"{OTHER}/rerank"}
    page = client.post(reverse("admin:search_rerankpreset_add"), {**sent, "api_key_variable": "KB_SECRET_KEY"})
    assert "KB_RERANK_API_KEY, or KB_RERANK_API_KEY_ and a name" in page.content.decode()
    client.post(reverse("admin:search_rerankpreset_add"), {**sent, "api_key_variable": "KB_RERANK_API_KEY_OTHER"})
    assert RerankPreset.objects.get().api_key_variable == "KB_RERANK_API_KEY_OTHER"
