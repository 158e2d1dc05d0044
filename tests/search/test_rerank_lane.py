"""Both engines behind one seam, and the way from a web process to the embed worker's reranker and back."""

import shutil
import tempfile
import threading
from pathlib import Path

import pytest

from search import lane, lane_server, rerank
from search.models import RerankPreset
from search.rerankers import RerankError, RerankSettings, open_reranker
from search.rerankers.loaded import loaded
from search.rerankers.presets import rerank_settings
from tests.closing import close_connections
from tests.search.tiny_rerankers import tiny_bge

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = "who pays for the hotel ?"
PASSAGES = ["the guest pays", "a train is here", "who is here", "the hotel"]


@pytest.fixture(scope="session")
def bge(tmp_path_factory):
    return tiny_bge(tmp_path_factory.mktemp("bge-lane"))


@pytest.fixture
def preset(bge):
    return RerankPreset.objects.create(name="tiny", model=str(bge), max_tokens=64)


@pytest.fixture
def worker(settings, monkeypatch):
    """The query lane of an embed worker, in a data folder with a name short enough for a socket."""
    data = Path(tempfile.mkdtemp(prefix="lane-"))
    (data / "run").mkdir()
    settings.KB_DATA, settings.KB_EMBED_URL, settings.KB_EMBED_LISTEN, settings.KB_RERANK_SECONDS = data, "", "", 30
    monkeypatch.setattr("search.rerankers.loaded._held.open", {})
    monkeypatch.setattr("search.rerankers.loaded._held.failed", {})
    monkeypatch.setattr("search.rerank._resting", {})
    server = lane_server.serve(lambda model, texts: None, lane.socket_path())
    yield server
    server.shutdown()
    server.server_close()
    close_connections()
    shutil.rmtree(data)


def test_a_web_process_gets_the_scores_of_the_embed_workers_model(worker, preset):
    expected = loaded(rerank_settings(preset)).score(QUESTION, PASSAGES)
    assert rerank.scores(preset, QUESTION, PASSAGES) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("engine", ["cross_encoder", "server"])
def test_every_engine_keeps_the_contract(worker, preset, engine, bge):
    """The server here is the embed worker itself, which answers as Jina's does."""
    chosen = rerank_settings(preset)
    expected = loaded(chosen).score(QUESTION, PASSAGES)
    url = f"{lane.lane_url()}/rerank"
    settings = chosen if engine == "cross_encoder" else RerankSettings("server", str(preset.pk), url=url, seconds=30)
    reranker = open_reranker(settings)
    assert reranker.score(QUESTION, PASSAGES) == pytest.approx(expected, abs=1e-5)
    assert reranker.score(QUESTION, PASSAGES[::-1]) == pytest.approx(expected[::-1], abs=1e-5)
    assert reranker.score(QUESTION, []).shape == (0,)
    assert reranker.score(QUESTION, ["", "\ud800", "x" * 5000]).shape == (3,)
    if engine == "server":
        reranker.close()


def test_while_the_model_is_being_loaded_there_is_a_sentence_and_soon_there_are_scores(worker, preset, monkeypatch):
    monkeypatch.setattr("search.rerank.REST_SECONDS", 0.0)
    with pytest.raises(RerankError, match="being loaded"):
        rerank.scores(preset, QUESTION, PASSAGES)
    for thread in threading.enumerate():
        if thread.name == "load-model":
            thread.join()
    assert rerank.scores(preset, QUESTION, PASSAGES).shape == (4,)


def test_a_model_that_cannot_be_loaded_is_named_and_a_failure_rests(worker, monkeypatch):
    preset = RerankPreset.objects.create(name="gone", model="/no/such/model")
    monkeypatch.setattr("search.rerank.REST_SECONDS", 0.0)
    with pytest.raises(RerankError, match="being loaded"):
        rerank.scores(preset, QUESTION, PASSAGES)
    for thread in threading.enumerate():
        if thread.name == "load-model":
            thread.join()
    monkeypatch.setattr("search.rerank.REST_SECONDS", 60.0)
    with pytest.raises(RerankError, match="is not on this machine"):
        rerank.scores(preset, QUESTION, PASSAGES)
    with pytest.raises(RerankError, match="left alone"):
        rerank.scores(preset, QUESTION, PASSAGES)


def test_a_preset_that_the_worker_does_not_know_is_refused(worker, preset):
    RerankPreset.objects.all().delete()
    with pytest.raises(RerankError, match="no such reranking preset"):
        rerank.scores(preset, QUESTION, PASSAGES)


def test_without_an_embed_worker_it_is_said_at_once(settings, preset, tmp_path, monkeypatch):
    monkeypatch.setattr("search.rerank._resting", {})
    settings.KB_DATA, settings.KB_EMBED_URL, settings.KB_EMBED_LISTEN = tmp_path, "", ""
    with pytest.raises(RerankError, match="nobody listens"):
        rerank.scores(preset, QUESTION, PASSAGES)
