"""The query lane: a question gets its vector over a socket, without a model in the asking process."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from search import lane, lane_server
from search.embedders import EmbeddingError
from search.embedders.loaded import loaded
from search.embedders.local import LocalEmbedder
from search.models import Preset
from search.presets.chosen import default_preset, settings_of
from tests.closing import close_connections
from tests.engines import DIMENSION, WordsEmbedder


@pytest.fixture
def folder(settings):
    """A data folder with a name short enough for a socket, and no connection left open behind it."""
    data = Path(tempfile.mkdtemp(prefix="lane-"))
    (data / "run").mkdir()
    settings.KB_DATA = data
    settings.KB_EMBED_URL = settings.KB_EMBED_LISTEN = ""
    yield data
    close_connections()
    lane.forget()
    shutil.rmtree(data)


@pytest.fixture
def served(folder):
    """Serves what it is given; everything is shut in the end."""
    servers = []

    def serve(embed, address=None, **options):
        server = lane_server.serve(embed, address or lane.socket_path(), **options)
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def preset(db):
    return Preset.objects.create(
        name="words", model="words", dimension=DIMENSION, max_tokens=256, query_instruction="Query: "
    )


class Words:
    """Remembers what it was asked."""

    def __init__(self, preset):
        self.embedder = WordsEmbedder(settings_of(preset))
        self.asked = []

    def __call__(self, model, texts):
        self.asked.append((model, texts))
        return self.embedder.embed_raw(texts)


def http_client(path: Path) -> httpx.Client:
    return httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://lane")


def test_a_question_is_embedded_with_its_instruction(served, preset):
    words = Words(preset)
    served(words)
    vector = lane.embed_query(preset, "who pays?")
    assert words.asked == [(preset.fingerprint, ["Query: who pays?"])]
    assert np.allclose(vector, words.embedder.embed_query("Query: who pays?"), atol=1e-6)


def test_the_same_question_is_embedded_once(served, preset):
    words = Words(preset)
    served(words)
    first, second = lane.embed_query(preset, "who pays?"), lane.embed_query(preset, "who pays?")
    assert len(words.asked) == 1
    assert np.array_equal(first, second)


def test_another_instruction_makes_another_vector(served, preset):
    words = Words(preset)
    served(words)
    lane.embed_query(preset, "who pays?")
    preset.query_instruction = "Ask: "
    lane.embed_query(preset, "who pays?")
    assert [texts for _, texts in words.asked] == [["Query: who pays?"], ["Ask: who pays?"]]


def test_texts_go_in_parts_as_large_as_the_lane_takes(served, preset):
    words = Words(preset)
    served(words)
    vectors = lane.embed_texts(preset, [f"text {number}" for number in range(150)])
    assert vectors.shape == (150, DIMENSION)
    assert max(len(texts) for _, texts in words.asked) <= lane_server.MAX_TEXTS
    assert lane.embed_texts(preset, []).shape == (0, DIMENSION)


def test_a_text_that_was_asked_for_lately_is_not_embedded_again(served, preset):
    words = Words(preset)
    served(words)
    first = lane.embed_texts(preset, ["one text", "another"])
    again = lane.embed_texts(preset, ["a third", "one text"])
    assert [texts for _, texts in words.asked] == [["one text", "another"], ["a third"]]
    assert np.array_equal(first[0], again[1])


def test_without_a_worker_the_question_fails_at_once(folder, preset):
    with pytest.raises(EmbeddingError, match="cannot be reached") as caught:
        lane.embed_query(preset, "who pays?")
    assert not caught.value.permanent


def test_a_failed_question_is_not_remembered(served, preset):
    with pytest.raises(EmbeddingError):
        lane.embed_query(preset, "who pays?")
    served(Words(preset))
    assert lane.embed_query(preset, "who pays?").shape == (DIMENSION,)


def test_a_restarted_worker_is_found_again(folder, preset):
    for question in ("first", "second"):
        server = lane_server.serve(Words(preset), lane.socket_path())
        assert lane.embed_query(preset, question).shape == (DIMENSION,)
        server.shutdown()
        server.server_close()


def test_only_the_owner_may_open_the_socket(served, preset):
    served(Words(preset))
    mode = lane.socket_path().stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_the_engines_own_sentence_arrives(served, preset):
    def fails(model, texts):
        raise EmbeddingError("The model is out of breath.", permanent=True)

    served(fails)
    with pytest.raises(EmbeddingError, match="out of breath") as caught:
        lane.embed_query(preset, "who pays?")
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"no json", 400),
        (b"[]", 400),
        (b'{"input": []}', 400),
        (b'{"input": [1]}', 400),
        (json.dumps({"input": ["x"] * 65}).encode(), 413),
        (b'{"input": "' + b"x" * lane_server.MAX_BYTES + b'"}', 413),
    ],
    ids=["not-json", "no-input", "nothing", "no-text", "too-many", "too-long"],
)
def test_nonsense_is_refused_with_a_sentence(served, preset, content, status):
    served(Words(preset))
    with http_client(lane.socket_path()) as client:
        answer = client.post("/v1/embeddings", content=content)
    assert answer.status_code == status
    assert answer.json()["error"]["message"].endswith(".")


def test_one_text_may_stand_without_a_list(served, preset):
    served(Words(preset))
    with http_client(lane.socket_path()) as client:
        answer = client.post("/v1/embeddings", json={"input": "who pays?", "model": "m"}).json()
    assert [entry["index"] for entry in answer["data"]] == [0]


def test_health_says_whether_the_model_is_loaded(served, preset):
    ready = threading.Event()
    served(Words(preset), is_ready=ready.is_set)
    with http_client(lane.socket_path()) as client:
        assert client.get("/health").status_code == 503
        ready.set()
        assert client.get("/health").json() == {"status": "ready"}
        assert client.get("/elsewhere").status_code == 404


def test_it_can_listen_on_the_network_too(served, preset, settings):
    server = served(Words(preset), ("127.0.0.1", 0))
    settings.KB_EMBED_URL = f"http://127.0.0.1:{server.server_address[1]}"
    assert lane.embed_query(preset, "who pays?").shape == (DIMENSION,)


def test_many_threads_ask_at_once(served, preset):
    served(Words(preset))
    vectors = {}
    ask = lambda name: vectors.update({name: lane.embed_query(preset, name)})  # noqa: E731
    threads = [threading.Thread(target=ask, args=[f"question {number}"]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({vector.tobytes() for vector in vectors.values()}) == 20


def test_the_asking_process_never_loads_torch():
    code = "import django; django.setup(); import search.lane, sys; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


@pytest.mark.django_db(transaction=True)
def test_the_worker_answers_as_soon_as_its_model_is_loaded(served, monkeypatch):
    monkeypatch.setattr("search.embedders.loaded._held.open", {})
    preset = default_preset()
    served(lane_server.Lane().embed)
    with pytest.raises(EmbeddingError, match="being loaded"):
        lane.embed_query(preset, "Who pays for the hotel?")
    loaded(preset)  # waits for whoever is loading it
    vector = lane.embed_query(preset, "Who pays for the hotel?")
    here = LocalEmbedder(settings_of(preset)).embed_query("Who pays for the hotel?")
    assert float(vector @ here) == pytest.approx(1, abs=1e-5)


@pytest.mark.django_db(transaction=True)
def test_an_unknown_preset_is_refused(served):
    served(lane_server.Lane().embed)
    stranger = Preset(name="x", model="x", dimension=8, max_tokens=8, fingerprint="0" * 64)
    with pytest.raises(EmbeddingError, match="no such embedding preset"):
        lane.embed_query(stranger, "who pays?")


class Model:
    """A preset's engine whose loading takes until it is told to end."""

    def __init__(self) -> None:
        self.may_load, self.begun, self.opened = threading.Event(), threading.Event(), 0

    def open(self, settings):
        self.begun.set()
        self.opened += 1
        assert self.may_load.wait(30)
        return WordsEmbedder(settings)


@pytest.mark.django_db(transaction=True)
def test_a_model_that_takes_minutes_to_load_holds_up_no_other(served, preset, monkeypatch):
    monkeypatch.setattr("search.embedders.loaded._held.open", {})
    large = Preset.objects.create(name="large", model="large", dimension=DIMENSION, max_tokens=256)
    model = Model()
    engines = {"words": WordsEmbedder, "large": model.open}
    monkeypatch.setattr("search.embedders.loaded.open_embedder", lambda chosen: engines[chosen.model](chosen))
    served(lane_server.Lane().embed)
    for _ in range(3):
        with pytest.raises(EmbeddingError, match="being loaded"):
            lane.embed_query(large, "who pays?")
    assert model.begun.wait(30)
    loaded(preset)
    assert lane.embed_query(preset, "who pays?").shape == (DIMENSION,)
    model.may_load.set()
    loaded(large)
    assert lane.embed_query(large, "who pays?").shape == (DIMENSION,)
    assert model.opened == 1


@pytest.mark.django_db(transaction=True)
def test_a_model_that_cannot_be_loaded_says_why(served, preset, monkeypatch):
    monkeypatch.setattr("search.embedders.loaded._held.open", {})
    monkeypatch.setattr("search.embedders.loaded._held.failed", {})
    tried = threading.Event()

    def fails(chosen):
        tried.set()
        raise EmbeddingError("The embedding model words is not on this machine.", permanent=True)

    monkeypatch.setattr("search.embedders.loaded.open_embedder", fails)
    served(lane_server.Lane().embed)
    with pytest.raises(EmbeddingError, match="being loaded"):
        lane.embed_query(preset, "who pays?")
    assert tried.wait(30)
    deadline = time.monotonic() + 30
    while "words" not in str(caught := said_by(preset)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "is not on this machine" in caught.message
    assert caught.permanent


def said_by(preset) -> EmbeddingError:
    with pytest.raises(EmbeddingError) as caught:
        lane.embed_query(preset, "who pays?")
    return caught.value


@pytest.mark.parametrize("form", ["base64", "float"])
def test_vectors_come_in_the_form_that_is_asked_for(served, preset, form):
    words = Words(preset)
    served(words)
    with http_client(lane.socket_path()) as client:
        asked = {"input": ["who pays?"], "model": "m", "encoding_format": form}
        (entry,) = client.post("/v1/embeddings", json=asked).json()["data"]
    assert isinstance(entry["embedding"], str) == (form == "base64")
