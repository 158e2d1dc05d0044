"""A converted model that OpenVINO runs on the CPU. Nothing here imports torch."""

import logging
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import kb.quiet  # noqa: F401  # isort: skip - before openvino
import numpy as np
import openvino
from tokenizers import Tokenizer

from search.embedders import EmbeddingError, EmbeddingSettings
from search.embedders.memory import ran_out
from search.embedders.rows import unit_rows
from search.tokenize import encodable

log = logging.getLogger(__name__)

MODEL, TOKENIZER = "model.xml", "tokenizer.json"
TOGETHER = 256  # tokens: with so many, a text is multiplied as efficiently alone as in company
EXACT = {"INFERENCE_PRECISION_HINT": "f32"}  # else CPUs that have bf16 would round to it
MANY = {"PERFORMANCE_HINT": "THROUGHPUT", "ENABLE_CPU_PINNING": False}
ONE = {"PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False}


class OpenVinoModel:
    """Many threads may use one.

    The graph is compiled twice, each time when it is first needed: for passages, with several streams that each have a
    text of their own, by the thread that embeds them, whose low priority OpenVINO's threads inherit; and for questions,
    which therefore never wait for a passage. That costs the weights of the linear layers once more in memory.
    No text is ever padded: only texts of the very same length go together.
    """

    def __init__(self, folder: Path, settings: EmbeddingSettings) -> None:
        self.settings = settings
        self.tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(settings.max_tokens)
        self._core = openvino.Core()
        self._graph = self._core.read_model(folder / MODEL)
        self._compiling = threading.Lock()
        self._many: Any = None
        self._one: Any = None
        self._asking = threading.local()

    def passages(self, texts: list[str], most: int = 0) -> np.ndarray:
        """(n, dimension) vectors; call it from the thread whose priority the work is to have.

        A text is computed at a time in each stream, whatever `most` says, and where the memory does not suffice for
        several, one after the other.
        """
        try:
            vectors = self._streamed(texts)
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise _failed(error) from error
            log.warning("Several texts did not fit into the memory at once; they go one after the other.")
            return self.questions(texts)
        return unit_rows(vectors, self.settings.dimension)

    def _streamed(self, texts: list[str]) -> np.ndarray:
        with self._compiling:
            if self._many is None:
                self._many = self._core.compile_model(self._graph, "CPU", {**EXACT, **MANY})
        vectors = np.zeros((len(texts), self.settings.dimension), dtype=np.float32)
        queue = openvino.AsyncInferQueue(self._many)

        def keep(request: Any, rows: list[int]) -> None:
            vectors[rows] = request.get_output_tensor(0).data

        queue.set_callback(keep)
        ids = self._ids(texts)
        for rows in same_lengths([len(row) for row in ids]):
            queue.start_async(_inputs([ids[row] for row in rows]), rows)
        queue.wait_all()
        return vectors

    def questions(self, texts: list[str], most: int = 0) -> np.ndarray:
        """(n, dimension) vectors of a few texts, one after the other, beside whatever else is being embedded."""
        try:
            vectors = [self._asked(ids) for ids in self._ids(texts)]
        except (RuntimeError, MemoryError) as error:
            raise _failed(error) from error
        return unit_rows(np.concatenate(vectors), self.settings.dimension)

    def count_tokens(self, texts: list[str]) -> list[int]:
        """The tokens that the model reads of each text: special ones included, at most as many as it can."""
        return [len(ids) for ids in self._ids(texts)]

    def warm(self) -> None:
        """Compile what answers questions, so that the first one does not wait for it."""
        self.questions(["?"])

    def _ids(self, texts: list[str]) -> list[list[int]]:
        return [found.ids for found in self.tokenizer.encode_batch([encodable(text) for text in texts])]

    def _asked(self, ids: list[int]) -> np.ndarray:
        with self._compiling:
            if self._one is None:
                self._one = self._core.compile_model(self._graph, "CPU", {**EXACT, **ONE})
        if not hasattr(self._asking, "request"):
            self._asking.request = self._one.create_infer_request()
        self._asking.request.infer(_inputs([ids]))
        return self._asking.request.get_output_tensor(0).data.copy()


def same_lengths(lengths: Sequence[int], together: int = TOGETHER) -> Iterator[list[int]]:
    """Indices of texts of one and the same length, longest first; of at most `together` tokens if they are several."""
    groups = defaultdict(list)
    for index, length in enumerate(lengths):
        groups[length].append(index)
    for length in sorted(groups, reverse=True):
        at_once = max(1, together // max(1, length))
        for start in range(0, len(groups[length]), at_once):
            yield groups[length][start : start + at_once]


def _inputs(ids: list[list[int]]) -> dict[str, np.ndarray]:
    tokens = np.array(ids, dtype=np.int64)
    return {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}


def _failed(error: RuntimeError | MemoryError) -> EmbeddingError:
    """What OpenVINO says of it is long, and of use to whoever reads the log. Another text, or a later time, may do."""
    log.error("OpenVINO failed: %s", error)
    if ran_out(error):
        return EmbeddingError("A passage does not fit into the memory of the device that embeds.", refuses_text=True)
    message = "The embedding model failed in OpenVINO; the log of the worker says how."
    return EmbeddingError(message, refuses_text=True)
