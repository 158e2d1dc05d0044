"""The GPU benchmark runs on any machine with a tiny model, and counts as it says."""

import json
import sys

import pytest

from benchmarks import gpu


def test_it_measures_both_ways_and_their_vectors_agree(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "RESULTS", tmp_path)
    arguments = ["gpu", "--model", "tiny", "--tokens", "16", "64", "--at-once", "128", "--peak", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.setenv("KB_DEVICE", "cpu")
    gpu.main()
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["peak_tflops"] == 1
    assert [(row["tokens"], row["texts"]) for row in found["rows"]] == [(16, 8), (64, 2)]
    for row in found["rows"]:
        assert row["lectern_tokens_per_s"] > 0
        assert row["encode_tokens_per_s"] > 0
        assert row["cosine"] > 0.99
    assert "| 64 | 2 |" in capsys.readouterr().out


def test_texts_have_the_tokens_that_they_are_said_to_have(tmp_path):
    from tokenizers import Tokenizer

    folder = gpu.make(tmp_path / "model", gpu.SHAPES["tiny"], gpu.torch.float32, "cpu")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert [len(tokenizer.encode(text).ids) for text in gpu.texts_of(50, 150)] == [50, 50, 50]


def test_the_shapes_have_the_size_in_their_names():
    for name in ("0.6B", "4B", "8B"):
        shape = gpu.SHAPES[name]
        billions = (shape.matrix_parameters() + shape.vocabulary * shape.hidden) / 1e9
        assert billions == pytest.approx(float(name.removesuffix("B")), rel=0.1)


def test_long_texts_pay_for_their_attention():
    shape = gpu.SHAPES["4B"]
    assert shape.flops(256) / 256 == pytest.approx(2 * shape.matrix_parameters(), rel=0.02)
    assert shape.flops(32_768) / 32_768 > 1.9 * shape.flops(256) / 256


def test_more_than_the_memory_is_said_and_not_fatal():
    def too_much():
        raise gpu.torch.OutOfMemoryError

    row = gpu._speed("encode", too_much, "cpu", 100, gpu.SHAPES["tiny"], 10, 1e12)
    assert row == {"encode_tokens_per_s": None, "encode_share": None}
    table = gpu.shown(
        [{"tokens": 10, "texts": 10, "cosine": 1.0, "lectern_tokens_per_s": 5, "lectern_share": 0.1} | row]
    )
    assert "| out of memory | - |" in table
