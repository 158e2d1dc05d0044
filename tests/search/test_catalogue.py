"""The models that are known by name, and the presets that come of it."""

import pytest
from django.conf import settings as installation

from search.embedders import EmbeddingError
from search.models import Preset
from search.presets.catalogue import SHIPPED, fields_of, named, recognised
from search.presets.chosen import default_preset
from search.presets.model_server import fields_at, models_at
from tests.search.odd_server import WIDTH, OddServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def server():
    running = OddServer()
    yield running
    running.stop()


@pytest.mark.parametrize("shipped", SHIPPED.values(), ids=str)
def test_every_shipped_model_makes_a_preset(shipped):
    preset = Preset(**fields_of(shipped))
    preset.full_clean(exclude=["fingerprint"])
    preset.save()
    assert preset.engine == "local"
    assert named(shipped.key) == named(shipped.model.upper()) == recognised(shipped.key) == shipped


def test_the_shipped_models_are_told_apart():
    fingerprints = set()
    for shipped in SHIPPED.values():
        fingerprints.add(Preset.objects.create(**fields_of(shipped)).fingerprint)
    assert len(fingerprints) == len(SHIPPED) == 8


def test_qwen3_takes_its_instruction_as_its_card_writes_it():
    task = "Given a web search query, retrieve relevant passages that answer the query"
    for size, dimension in (("0.6b", 1024), ("4b", 2560), ("8b", 4096)):
        shipped = SHIPPED[f"qwen3-embedding-{size}"]
        assert shipped.query_instruction == f"Instruct: {task}\nQuery:"
        assert (shipped.dimension, shipped.shortest, shipped.max_tokens) == (dimension, 32, 32768)
    assert SHIPPED["e5-mistral-7b-instruct"].query_instruction == f"Instruct: {task}\nQuery: "


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("qwen3-embedding:4b", "qwen3-embedding-4b"),
        ("Qwen3-Embedding-0.6B-Q8_0.gguf", "qwen3-embedding-0.6b"),
        ("/models/Qwen3-Embedding-8B/", "qwen3-embedding-8b"),
        ("bge-m3:latest", "bge-m3"),
        ("all-minilm:l6-v2", "all-minilm-l6-v2"),
        ("intfloat/e5-mistral-7b-instruct", "e5-mistral-7b-instruct"),
        ("moka-ai/m3e-large", "m3e-large"),
    ],
)
def test_what_servers_call_a_model_is_recognised(name, key):
    assert recognised(name).key == key


@pytest.mark.parametrize("name", ["qwen3-embedding:latest", "bge-m3x", "nomic-embed-text", ""])
def test_what_may_be_another_model_is_not(name):
    assert recognised(name) is None


def test_the_bundled_model_has_the_fingerprint_that_it_always_had():
    fields = {"model": "sentence-transformers/all-MiniLM-L6-v2", "dimension": 384, "max_tokens": 256}
    before = Preset.objects.create(name="before", **fields).fingerprint
    Preset.objects.all().delete()
    assert default_preset().fingerprint == before


def test_a_known_model_may_be_named_by_its_key(settings):
    settings.KB_EMBEDDING_MODEL = "all-minilm-l6-v2"
    assert default_preset().model == "sentence-transformers/all-MiniLM-L6-v2"


def test_a_known_model_whose_files_are_not_here_says_how_to_put_them(settings):
    settings.KB_EMBEDDING_MODEL = "qwen3-embedding-0.6b"
    with pytest.raises(EmbeddingError, match=r"not on this machine: copy its folder.*hf download Qwen/Qwen3-Embedding"):
        default_preset()
    assert not Preset.objects.exists()


def test_a_model_server_may_be_the_installations_own(settings, server):
    settings.KB_EMBEDDING_URL, settings.KB_EMBEDDING_MODEL = server.url, "odd-model"
    preset = default_preset()
    assert (preset.engine, preset.url, preset.model, preset.dimension) == ("server", server.url, "odd-model", WIDTH)
    assert default_preset() == preset


def test_a_model_server_may_move(settings, server):
    settings.KB_EMBEDDING_URL, settings.KB_EMBEDDING_MODEL = server.url, "odd-model"
    preset = default_preset()
    settings.KB_EMBEDDING_URL = "http://elsewhere:8080/v1"
    assert default_preset() == preset
    assert Preset.objects.get().url == "http://elsewhere:8080/v1"


def test_a_model_server_that_is_away_is_no_lasting_fault(settings):
    settings.KB_EMBEDDING_URL = "http://127.0.0.1:9/v1"
    with pytest.raises(EmbeddingError, match="cannot be reached") as caught:
        default_preset()
    assert not caught.value.permanent


def test_a_servers_model_has_the_instructions_of_its_card_and_the_servers_own_dimension(server):
    fields = fields_at(server.url, "qwen3-embedding:0.6b")
    assert fields["query_instruction"] == SHIPPED["qwen3-embedding-0.6b"].query_instruction
    assert (fields["dimension"], fields["max_tokens"], fields["pooling"]) == (WIDTH, 32768, "")
    assert (fields["model"], fields["shortest"]) == ("qwen3-embedding:0.6b", 32)


def test_a_server_says_what_it_has(server):
    assert [model.name for model in models_at(server.url)] == ["odd-model"]
    server.models = [{"id": "vllm", "max_model_len": 8192}, {"id": "llama.cpp", "meta": {"n_ctx": 512}}]
    assert [(model.name, model.reads) for model in models_at(server.url)] == [("vllm", 8192), ("llama.cpp", 512)]
    assert fields_at(server.url, "vllm")["max_tokens"] == 8192


def test_the_setting_is_empty_by_default():
    assert installation.KB_EMBEDDING_URL == ""


def test_a_fingerprint_stays_when_a_preset_is_read_and_saved_again():
    made = default_preset().fingerprint
    preset = Preset.objects.get()
    preset.query_instruction = "query: "
    preset.save()
    assert preset.fingerprint == made
