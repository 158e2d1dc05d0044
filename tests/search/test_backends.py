"""Backends of a local model on a CPU: the same vectors from OpenVINO, nearly the same with 8-bit numbers."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from search.embedders import EmbeddingError, EmbeddingSettings, convert, converted, local
from search.embedders.local import LocalEmbedder
from search.embedders.openvino_model import OpenVinoModel, same_lengths
from search.embedders.samples import CALIBRATION, HELD_OUT
from search.embedders.torch_model import TorchModel
from search.embedders.trial import Trial, times_as_fast
from tests.search.test_tiny_models import MAKERS, TEXTS, settings_for
from tests.search.tiny_models import tiny_bert

MINILM = EmbeddingSettings("local", "sentence-transformers/all-MiniLM-L6-v2", "", 384, "", "", 256, device="cpu")


@pytest.fixture
def data(tmp_path, settings):
    settings.KB_DATA = tmp_path / "data"
    return settings.KB_DATA


@pytest.fixture
def bert(tmp_path):
    return settings_for(tiny_bert(tmp_path / "bert"))


@pytest.fixture
def in_this_process(monkeypatch):
    """Conversions without the start of another process, and faster than PyTorch; the list of those that were made."""
    made = []

    def run(settings, backend, folder):
        made.append(backend)
        return replace(convert.convert(settings, folder, int8=backend.endswith("int8")), speed=2.0)

    monkeypatch.setattr(converted, "_run", run)
    return made


def broken(settings, backend, folder):
    return "an operation is not known"


@pytest.fixture(scope="module")
def int8(tmp_path_factory):
    """all-MiniLM-L6-v2 with 8-bit numbers, and its cosines."""
    folder = tmp_path_factory.mktemp("int8")
    trial = convert.convert(MINILM, folder, int8=True)
    return OpenVinoModel(folder, MINILM), trial, folder


@pytest.mark.parametrize("name", MAKERS)
def test_a_converted_model_makes_the_vectors_of_the_original(name, tmp_path):
    settings = settings_for(MAKERS[name](tmp_path / "model"))
    trial = convert.convert(settings, tmp_path, int8=False)
    assert min(trial.cosines) > 0.9999
    assert trial.speed > 0
    ours, theirs = OpenVinoModel(tmp_path, settings), LocalEmbedder(settings)
    texts = [*TEXTS, "", "the hotel \ud800", "hotel " * 600]
    assert np.allclose(ours.passages(texts), theirs.embed_documents(texts), atol=1e-4)
    assert np.allclose(ours.questions(texts), theirs.embed_documents(texts), atol=1e-4)
    assert ours.count_tokens(texts) == theirs.count_tokens(texts)


def test_8_bit_numbers_lose_little_and_say_how_much(int8):
    model, trial, _ = int8
    cosines = trial.cosines
    assert len(cosines) == len(HELD_OUT)
    assert min(cosines) > 0.95
    assert np.mean(cosines) > 0.98
    assert max(cosines) < 0.99999
    assert model.passages(["hotel"]).shape == (1, 384)


def test_8_bit_weights_are_kept_as_such(int8):
    assert (int8[2] / "model.bin").stat().st_size < 0.7 * 90_864_192  # of float32; the words' vectors stay float32


def test_the_loss_is_measured_on_other_texts_than_the_ranges():
    assert not set(CALIBRATION) & set(HELD_OUT)


def test_a_model_is_converted_once_and_its_measure_kept(data, bert, in_this_process):
    assert converted.known(bert, "openvino-int8") is None
    first = LocalEmbedder(replace(bert, backend="openvino-int8"))
    again = LocalEmbedder(replace(bert, backend="openvino-int8"))
    assert in_this_process == ["openvino-int8"]
    assert np.array_equal(first.embed_documents(TEXTS), again.embed_documents(TEXTS))
    found = converted.known(bert, "openvino-int8")
    assert 0.9 < found.cosine_min <= found.cosine_mean <= 1.0001
    assert (found.texts, found.problem) == (len(HELD_OUT), "")


def test_other_weights_pooling_or_backend_are_another_conversion(data, bert, tmp_path):
    other = settings_for(tiny_bert(tmp_path / "other"))
    chosen = [
        (bert, "openvino"),
        (bert, "openvino-int8"),
        (replace(bert, pooling="cls"), "openvino"),
        (other, "openvino"),
    ]
    folders = {converted.folder_of(one, backend, tmp_path / one.model) for one, backend in chosen}
    assert len(folders) == 4


def test_the_process_that_converts_is_another_one_and_needs_no_django(data, bert, monkeypatch):
    embedder = LocalEmbedder(replace(bert, backend="openvino"))
    assert isinstance(embedder.model, OpenVinoModel)
    assert np.allclose(embedder.embed_documents(TEXTS), LocalEmbedder(bert).embed_documents(TEXTS), atol=1e-4)


def test_torch_takes_the_place_of_a_conversion_that_failed(data, bert, monkeypatch, caplog):
    monkeypatch.setattr(converted, "_run", broken)
    embedder = LocalEmbedder(replace(bert, backend="openvino"))
    assert np.allclose(embedder.embed_documents(TEXTS), LocalEmbedder(bert).embed_documents(TEXTS), atol=1e-6)
    assert "openvino is not used" in caplog.text
    assert "an operation is not known" in caplog.text


def test_torch_takes_the_place_of_a_conversion_that_differs(data, bert, monkeypatch, caplog):
    monkeypatch.setattr(converted, "_run", lambda settings, backend, folder: Trial([1.0, 0.9985, 1.0], 2.0))
    assert not isinstance(LocalEmbedder(replace(bert, backend="openvino")).model, OpenVinoModel)
    assert "a cosine of 0.9985, less than 0.999" in caplog.text


def test_what_is_no_number_is_no_match(data, bert, monkeypatch):
    monkeypatch.setattr(converted, "_run", lambda settings, backend, folder: Trial([float("nan")], 2.0))
    assert converted.converted(bert, "openvino")[1].problem


def test_8_bit_numbers_are_not_replaced_by_others_in_silence(data, bert, monkeypatch):
    monkeypatch.setattr(converted, "_run", broken)
    with pytest.raises(EmbeddingError, match="cannot be run with 8-bit numbers") as caught:
        LocalEmbedder(replace(bert, backend="openvino-int8"))
    assert caught.value.permanent


def test_auto_goes_over_to_openvino_once_it_is_converted(data, bert, in_this_process, monkeypatch):
    waiting = []
    monkeypatch.setattr(local, "_later", waiting.append)
    embedder = LocalEmbedder(replace(bert, backend="auto"))
    before = embedder.embed_documents(TEXTS)
    assert not isinstance(embedder.model, OpenVinoModel)
    waiting.pop()()
    assert isinstance(embedder.model, OpenVinoModel)
    assert np.allclose(embedder.embed_documents(TEXTS), before, atol=1e-4)
    assert isinstance(LocalEmbedder(replace(bert, backend="auto")).model, OpenVinoModel)
    assert waiting == []
    assert in_this_process == ["openvino"]


def test_auto_stays_with_torch_where_openvino_failed_before(data, bert, monkeypatch):
    monkeypatch.setattr(converted, "_run", broken)
    converted.converted(bert, "openvino")
    monkeypatch.setattr(local, "_later", lambda work: pytest.fail("it is tried again"))
    assert not isinstance(LocalEmbedder(replace(bert, backend="auto")).model, OpenVinoModel)


def test_auto_stays_with_torch_where_openvino_is_exact_and_slower(data, bert, in_this_process, monkeypatch, caplog):
    measured = converted._run
    monkeypatch.setattr(converted, "_run", lambda *asked: replace(measured(*asked), speed=0.8))
    waiting = []
    monkeypatch.setattr(local, "_later", waiting.append)
    embedder = LocalEmbedder(replace(bert, backend="auto"))
    waiting.pop()()
    for one in (embedder, LocalEmbedder(replace(bert, backend="auto"))):
        assert not isinstance(one.model, OpenVinoModel)
    assert waiting == []
    assert "slower here than PyTorch: 0.80 times as fast" in caplog.text
    assert isinstance(LocalEmbedder(replace(bert, backend="openvino")).model, OpenVinoModel)  # somebody wants it


def test_the_speed_is_that_of_the_processor_and_not_of_the_clock():
    def quick(texts):
        time.sleep(0.05)

    def busy(texts):
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass

    assert times_as_fast(quick, busy, ["text"]) > 2
    assert times_as_fast(busy, quick, ["text"]) < 0.5


@pytest.fixture
def graphics_card(monkeypatch):
    """A machine whose graphics card is played by its CPU: it likes bfloat16."""
    monkeypatch.setattr("search.embedders.precision.place_of", lambda settings: "cuda")
    monkeypatch.setattr(local, "place_of", lambda settings: "cuda")
    monkeypatch.setattr(local, "favourite", lambda device: "bfloat16")
    monkeypatch.setattr("search.embedders.precision.favourite", lambda device: "bfloat16")
    monkeypatch.setattr(local, "_torch", lambda settings, device: TorchModel(settings, "cpu"))


def numbers_of(embedder) -> torch.dtype:
    return next(embedder.model.model.parameters()).dtype


def test_a_gpu_computes_float32_in_bfloat16_only_where_the_vectors_agree(data, bert, graphics_card, caplog):
    plain = replace(bert, backend="auto", dtype="float32")
    first = LocalEmbedder(plain)
    found = converted.known(plain, "bfloat16")
    assert found.texts == len(HELD_OUT)
    assert numbers_of(first) == (torch.float32 if found.problem else torch.bfloat16)
    for cosine, expected in ((0.9995, torch.bfloat16), (0.998, torch.float32)):
        converted.remember(plain, "bfloat16", Trial([cosine]))
        assert numbers_of(LocalEmbedder(plain)) == expected
    assert "bfloat16 is not used" in caplog.text


def test_a_gpu_uses_its_own_numbers_where_it_may_choose_and_others_where_they_are_named(data, bert, graphics_card):
    assert numbers_of(LocalEmbedder(replace(bert, backend="auto"))) == torch.bfloat16
    assert numbers_of(LocalEmbedder(replace(bert, backend="auto", dtype="float16"))) == torch.float16
    assert numbers_of(LocalEmbedder(replace(bert, dtype="float32"))) == torch.float32  # PyTorch, and nothing tried


def test_a_preset_that_was_made_in_bfloat16_is_held_against_that_on_a_cpu(data, bert, in_this_process):
    half = replace(bert, dtype="bfloat16")
    assert numbers_of(LocalEmbedder(half)) == torch.bfloat16
    exact, found = converted.converted(half, "openvino")[1], converted.converted(bert, "openvino")[1]
    assert exact.cosine_min < found.cosine_min == pytest.approx(1, abs=1e-5)


def test_what_failed_a_week_ago_is_tried_again(data, bert, monkeypatch, tmp_path):
    monkeypatch.setattr(converted, "_run", broken)
    folder, found = converted.converted(bert, "openvino")
    assert found.problem
    assert converted.known(bert, "openvino") == found
    long_ago = time.time() - 8 * 24 * 3600
    os.utime(folder / "conversion.json", (long_ago, long_ago))
    assert converted.known(bert, "openvino") is None
    monkeypatch.setattr(converted, "_run", lambda settings, backend, folder: Trial([1.0], 2.0))
    assert converted.converted(bert, "openvino")[1].problem == ""
    assert converted.known(bert, "openvino").cosine_min == 1.0


def test_a_model_that_is_not_here_is_named(data):
    with pytest.raises(EmbeddingError, match="nobody/has-this-model is not on this machine"):
        LocalEmbedder(replace(MINILM, model="nobody/has-this-model", backend="openvino"))


def test_what_a_killed_conversion_left_is_cleared_away(data, bert, in_this_process, tmp_path):
    left = converted.folder_of(bert, "openvino", tmp_path / "bert").with_suffix(".making")
    left.mkdir(parents=True)
    (left / "model.bin").write_bytes(b"half of it")
    assert converted.converted(bert, "openvino")[1].problem == ""
    assert not left.exists()


def test_questions_and_passages_at_once(data, bert, in_this_process):
    embedder = LocalEmbedder(replace(bert, backend="openvino"))
    alone, found = embedder.embed_query("who pays"), []
    threads = [threading.Thread(target=lambda: found.append(embedder.embed_query("who pays"))) for _ in range(4)]
    threads += [threading.Thread(target=embedder.embed_documents, args=[TEXTS * 5]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(np.allclose(vector, alone, atol=1e-5) for vector in found)


class Breaks:
    """A compiled model, or a request to one, that fails with a sentence of OpenVINO's."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence

    def __call__(self, *asked, **options):
        raise RuntimeError(self.sentence)


def test_too_little_memory_for_several_texts_takes_them_one_by_one(data, bert, in_this_process, monkeypatch):
    embedder = LocalEmbedder(replace(bert, backend="openvino"))
    whole = embedder.embed_documents(TEXTS)
    monkeypatch.setattr(embedder.model, "_streamed", Breaks("std::bad_alloc"))
    assert np.allclose(embedder.embed_documents(TEXTS), whole, atol=1e-5)


@pytest.mark.parametrize(
    ("said", "sentence"), [("std::bad_alloc", "does not fit into the memory"), ("Check failed", "log of the worker")]
)
def test_a_text_on_which_openvino_fails_may_pass_another_time(data, bert, in_this_process, monkeypatch, said, sentence):
    embedder = LocalEmbedder(replace(bert, backend="openvino"))
    monkeypatch.setattr(embedder.model, "_streamed", Breaks(said))
    monkeypatch.setattr(embedder.model, "_asked", Breaks(said))
    with pytest.raises(EmbeddingError, match=sentence) as caught:
        embedder.embed_documents(TEXTS)
    assert (caught.value.permanent, caught.value.refuses_text) == (False, True)


def test_only_texts_of_the_same_length_go_together():
    assert list(same_lengths([3, 5, 3, 300, 300, 3], together=256)) == [[3], [4], [1], [0, 2, 5]]
    assert list(same_lengths([100, 100, 100], together=256)) == [[0, 1], [2]]


def test_openvino_cannot_phone_home():
    program = """
import json, socket, sys
from search.embedders import openvino_model
called = []
socket.getaddrinfo = socket.create_connection = lambda *a, **k: called.append(str(a))
import openvino, torch
openvino.convert_model(torch.nn.Linear(2, 2), example_input=torch.zeros(1, 2))
from openvino.tools.ovc import telemetry_utils
print(json.dumps([telemetry_utils.tm.__name__, called, "openvino_telemetry.main" in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == ["openvino.tools.ovc.telemetry_stub", [], False]


def test_lecterns_own_processes_cannot_import_the_telemetry():
    with pytest.raises(ImportError):
        import openvino_telemetry  # noqa: F401


def test_a_question_needs_no_torch(data, bert, in_this_process):
    LocalEmbedder(replace(bert, backend="openvino"))
    program = """
import sys, django
django.setup()
from search.embedders import EmbeddingSettings, open_embedder
import json
embedder = open_embedder(EmbeddingSettings(**json.loads(sys.argv[1])))
assert embedder.embed_query("who pays").shape == (64,)
print("torch" in sys.modules)
"""

    settings = json.dumps(asdict(replace(bert, backend="auto")))
    environment = {**os.environ, "KB_DATA": str(data), "DJANGO_SETTINGS_MODULE": "kb.settings"}
    done = subprocess.run(
        [sys.executable, "-c", program, settings], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "False"
