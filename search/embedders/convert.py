"""Convert a model for OpenVINO, and measure what that changes.

    python -m search.embedders.convert < {"settings": {...}, "int8": false, "folder": "..."}

Runs in a process of its own, so that the embed worker need not import torch, nor suffer if the memory does not suffice.
"""

import json
import os
import sys
import threading
import time
import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer

from search.embedders import EmbeddingSettings
from search.embedders.converted import TRIAL
from search.embedders.openvino_model import MODEL, TOKENIZER, OpenVinoModel, openvino  # before any other openvino
from search.embedders.precision import FULL
from search.embedders.quantize import quantise
from search.embedders.samples import CALIBRATION, HELD_OUT, TIMED
from search.embedders.torch_model import TorchModel
from search.embedders.trial import Trial, cosines, times_as_fast

LATER = 10  # "niceness": the machine has something better to do


class _Whole(torch.nn.Module):
    """Transformer, pooling and whatever follows, with tensors in and a tensor out."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.model({"input_ids": input_ids, "attention_mask": attention_mask})["sentence_embedding"]


def convert(settings: EmbeddingSettings, folder: Path, *, int8: bool) -> Trial:
    """Write the graph and the tokenizer into the folder, and hold it against torch in the preset's precision.

    Exactness is that of the held-out sample texts, speed that of texts of a passage's length.
    """
    _write(replace(settings, dtype=FULL), folder, int8=int8)
    original, made = TorchModel(settings, "cpu"), OpenVinoModel(folder, settings)
    alike = cosines(made.passages(list(HELD_OUT)), original.questions(list(HELD_OUT)))
    return Trial(alike, times_as_fast(made.passages, original.passages, list(TIMED)))


def _write(settings: EmbeddingSettings, folder: Path, *, int8: bool) -> None:
    original = TorchModel(settings, "cpu")
    if int8:
        quantise(original.model, lambda: [original.questions([text]) for text in CALIBRATION])
    openvino.save_model(_graph(original.model, int8=int8), folder / MODEL, compress_to_fp16=False)
    original.model.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))


def _graph(model: SentenceTransformer, *, int8: bool) -> Any:
    features = model.preprocess(["Two texts", "of which one is longer"])
    example = {name: features[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of every shape that it sees; the comparison tells
        graph = openvino.convert_model(_Whole(model), example_input=example)
    if int8:
        from openvino._offline_transformations import compress_quantize_weights_transformation

        compress_quantize_weights_transformation(graph)  # keep int8 weights, not the float32 that they came from
    return graph


def _end_with(parent: int) -> None:
    """Nobody waits for the result of a conversion whose parent is gone."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _die_first() -> None:
    """Where memory runs short, Linux ends this process, and none of those that hold an index or serve a question."""
    mark = Path("/proc/self/oom_score_adj")
    if mark.exists():
        mark.write_text("1000")


def main() -> None:
    os.nice(LATER)
    _die_first()
    threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()
    asked = json.load(sys.stdin)
    folder = Path(asked["folder"])
    trial = convert(EmbeddingSettings(**asked["settings"]), folder, int8=asked["int8"])
    (folder / TRIAL).write_text(json.dumps(asdict(trial)), encoding="utf-8")


if __name__ == "__main__":
    main()
