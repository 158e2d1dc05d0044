"""Any sentence-transformers model: what its files say is what sentence-transformers makes of it, or a sentence."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from django.http import QueryDict
from sentence_transformers import SentenceTransformer

from search.embedders import EmbeddingError
from search.embedders.local import LocalEmbedder
from search.presets.chosen import default_preset
from search.presets.model_files import STATIC_READS, facts_of
from search.presets.start import start_of
from search.tokenize import tokenizer_named
from tests.search.odd_models import tiny_distilbert, tiny_mpnet, tiny_old_layout, tiny_static, tiny_two_poolings
from tests.search.test_tiny_models import settings_for

MAKERS = {
    "distilbert": (tiny_distilbert, 64, 128),
    "mpnet": (tiny_mpnet, 64, 128),
    "static": (tiny_static, 48, STATIC_READS),
    "two_poolings": (tiny_two_poolings, 128, 64),
    "old_layout": (tiny_old_layout, 32, 75),
}
TEXTS = ["who pays for the hotel", "train", "the train " * 20, "hotel hotel"]


@pytest.fixture(params=MAKERS)
def made(request, tmp_path):
    """A model's folder, its dimension, and the tokens that it reads."""
    make, dimension, reads = MAKERS[request.param]
    return make(tmp_path), dimension, reads


def test_its_files_say_what_it_is_and_its_vectors_are_those_of_sentence_transformers(made):
    folder, dimension, reads = made
    facts = facts_of(str(folder))
    assert (facts.dimension, facts.max_tokens) == (dimension, reads)
    embedder = LocalEmbedder(settings_for(folder))
    theirs = SentenceTransformer(str(folder), device="cpu")
    assert theirs.get_embedding_dimension() == dimension
    found = embedder.embed_documents(TEXTS)
    assert np.allclose(found, theirs.encode(TEXTS, normalize_embeddings=True), atol=1e-5)
    assert np.allclose(embedder.embed_raw(TEXTS), found, atol=1e-5)


def test_no_more_is_read_and_counted_than_it_reads(made):
    folder, _, reads = made
    embedder = LocalEmbedder(settings_for(folder))
    text = "hotel " * (reads + 10)
    assert embedder.count_tokens([text, "hotel"])[0] == reads
    assert np.allclose(*embedder.embed_documents([text, f"{text} train"]), atol=1e-6)


def test_passages_are_cut_by_its_own_tokenizer(made):
    cut = tokenizer_named(str(made[0])).encode("who pays", add_special_tokens=False)
    assert cut.tokens == ["who", "pays"]


def listed(folder, *types: str):
    modules = [{"path": "" if number == 0 else str(number), "type": one} for number, one in enumerate(types)]
    (folder / "modules.json").write_text(json.dumps(modules))


TRANSFORMER = "sentence_transformers.models.Transformer"


@pytest.mark.parametrize(
    ("types", "files", "sentence"),
    [
        ([TRANSFORMER], {}, "has no config.json."),
        ([TRANSFORMER], {"config.json": "{"}, "cannot be read as those of an embedding model"),
        ([TRANSFORMER], {"config.json": '{"model_type": "unheard-of"}'}, "does not say how wide it is"),
        ([TRANSFORMER], {"config.json": '["hidden_size"]'}, "cannot be read as those of"),
        (["custom_st.Transformer"], {"config.json": '{"hidden_size": 8}'}, "needs code of its own"),
        (["sentence_transformers.models.BoW"], {}, "has a part that Lectern cannot run: BoW."),
        (["sentence_transformers.models.StaticEmbedding"], {}, "has no model.safetensors."),
        (["sentence_transformers.models.Normalize"], {}, "begins with a part that reads no text"),
        ([TRANSFORMER, "sentence_transformers.models.Dense"], {"config.json": '{"hidden_size": 8}'}, "out_features"),
    ],
)
@pytest.mark.django_db
def test_a_model_that_cannot_be_is_a_sentence_on_the_page_and_at_the_start(tmp_path, settings, types, files, sentence):
    listed(tmp_path, *types)
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(EmbeddingError, match=sentence) as caught:
        facts_of(str(tmp_path))
    assert caught.value.permanent
    assert caught.value.message.startswith(("The files of", str(tmp_path)))
    asked = QueryDict(mutable=True)
    asked["model"] = str(tmp_path)
    assert sentence in start_of(asked).error
    settings.KB_EMBEDDING_MODEL = str(tmp_path)
    with pytest.raises(EmbeddingError, match=sentence):
        default_preset()


@pytest.mark.parametrize(
    ("config", "dimension", "reads"),
    [
        ({"model_type": "t5", "d_model": 512, "n_positions": 512}, 512, 2048),  # positions are relative
        ({"model_type": "gpt2", "n_embd": 768, "n_positions": 1024}, 768, 1024),
        ({"model_type": "flaubert", "emb_dim": 24, "max_position_embeddings": 512}, 24, 512),
        ({"model_type": "gemma3", "text_config": {"hidden_size": 16, "max_position_embeddings": 1000}}, 16, 1000),
    ],
)
def test_configurations_that_call_things_otherwise_are_understood(tmp_path, config, dimension, reads):
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 2048}))
    facts = facts_of(str(tmp_path))
    assert (facts.dimension, facts.max_tokens) == (dimension, reads)


def test_reading_the_files_brings_no_pytorch_into_a_web_process(tmp_path):
    folder = tiny_old_layout(tmp_path)
    code = (
        "import sys, django; django.setup(); from search.presets.model_files import facts_of;"
        "assert facts_of(sys.argv[1]).dimension == 32; sys.exit('torch' in sys.modules)"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    assert subprocess.run([sys.executable, "-c", code, str(folder)], env=environment, check=False).returncode == 0
