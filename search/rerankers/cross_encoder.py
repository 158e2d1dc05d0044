"""Rerank in this process, with a sentence-transformers CrossEncoder, on the GPU or else the CPU."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from django.conf import settings as installation
from sentence_transformers import CrossEncoder

from search.embedders.batches import batches
from search.embedders.device import device_of
from search.embedders.memory import give_back, ran_out
from search.embedders.weights import UNREADABLE, reads_safetensors, why_unreadable
from search.rerankers import RerankError, RerankSettings
from search.rerankers.qwen3 import prompts
from search.tokenize import encodable, model_folder

log = logging.getLogger(__name__)
CPU_BATCH_TOKENS = 2_048
GPU_BATCH_TOKENS = 32_768
FEWEST = 512  # tokens to which the batches go down
PROMPTED = ("qwen3",)  # kinds of models that are asked in words, whatever head they have


class CrossEncoderReranker:
    """A model that is shared by all threads, and by every preset that differs in instruction or limits alone.

    Scores are between 0 and 1: the sigmoid of the model's logit, or what its configuration names instead. Models made
    of Qwen3 are asked for "yes" or "no" in their own words (search.rerankers.qwen3).
    """

    def __init__(self, settings: RerankSettings, held: "HeldModel | None" = None) -> None:
        self.settings = settings
        self.held = held or HeldModel(settings)

    def using(self, settings: RerankSettings) -> "CrossEncoderReranker":
        """The same model with the instruction and the limits of these settings."""
        return CrossEncoderReranker(settings, self.held)

    def close(self) -> None:
        """It holds memory alone, which is free once nobody refers to it."""

    def score(self, question: str, passages: Sequence[str], *, seconds: float | None = None) -> np.ndarray:
        """As search.rerankers.Reranker.score; in `seconds` (None: as set), or RerankError after the batch at hand."""
        deadline = time.monotonic() + (self.settings.seconds if seconds is None else seconds)
        scores = np.zeros(len(passages), np.float32)
        with self.held.turn(deadline):
            inputs = self._inputs(encodable(question), [encodable(passage) for passage in passages])
            for batch in batches(self._lengths(inputs), lambda: self.held.budget) if inputs else ():
                scores[batch] = self._with_less([inputs[index] for index in batch])
                if time.monotonic() > deadline:
                    raise RerankError("The reranking model is too slow for so many passages.")
        if not np.isfinite(scores).all():
            raise RerankError("The reranking model made a score that is no number.", permanent=True)
        return scores

    def _inputs(self, question: str, passages: list[str]) -> list:
        """What the tokenizer takes: a text each where the model is asked in words, else a pair."""
        if self.held.is_prompted:
            return prompts(self.held.tokenizer, self.settings, question, passages)
        return [(question, passage) for passage in passages]

    def _lengths(self, inputs: list) -> list[int]:
        return [len(row) for row in self._tokens(inputs)["input_ids"]]

    def _tokens(self, inputs: list, **options):
        is_prompted = self.held.is_prompted
        sides = list(zip(*inputs, strict=True)) if not is_prompted else [inputs]
        if is_prompted:
            options["padding_side"] = "left"  # the last token is the one that answers
        return self.held.tokenizer(
            *map(list, sides), truncation="longest_first", max_length=self.settings.max_tokens,
            add_special_tokens=not is_prompted, **options,
        )  # fmt: skip

    def _with_less(self, inputs: list) -> np.ndarray:
        """The scores, by halves where the memory does not suffice; the next batches are then made smaller."""
        try:
            return self._forward(inputs)
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
            if len(inputs) == 1:
                raise RerankError("A passage does not fit into the memory of the device that reranks.") from error
        self.held.budget = min(self.held.budget, max(FEWEST, self.held.budget // 2))
        give_back()
        half = len(inputs) // 2
        return np.concatenate([self._with_less(inputs[:half]), self._with_less(inputs[half:])])

    def _forward(self, inputs: list) -> np.ndarray:
        return self.held.scores(self._tokens(inputs, padding=True, return_tensors="pt"), len(inputs))


class HeldModel:
    """A model in memory; one question after the other, as a reranker fills the device by itself."""

    def __init__(self, settings: RerankSettings) -> None:
        self.device = device_of(settings.device)
        self.model = _loaded(settings, self.device)
        self.tokenizer = self.model.tokenizer
        self.budget = installation.KB_BATCH_TOKENS or self._budget()
        self.is_prompted = _config(self.model).model_type in PROMPTED
        self.one_at_a_time = threading.Lock()
        self._stream = torch.cuda.Stream(priority=-1) if self.device.startswith("cuda") else None

    def scores(self, tokens: Any, number: int) -> np.ndarray:
        """(number,) scores of so many texts or pairs, padded to one length."""
        with torch.inference_mode(), torch.cuda.stream(self._stream) if self._stream else nullcontext():
            features = dict(tokens.to(self.device))
            if _is_causal(self.model):
                features["logits_to_keep"] = 1
            activation: Any = self.model.activation_fn
            scores = activation(self.model(features)["scores"].float())
            return scores.reshape(number, -1)[:, 0].cpu().numpy()

    @contextmanager
    def turn(self, deadline: float) -> Iterator[None]:
        """This question's alone. Raises RerankError where others take until the deadline."""
        if not self.one_at_a_time.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise RerankError("The reranking model is busy with other questions.")
        try:
            yield
        finally:
            self.one_at_a_time.release()

    def _budget(self) -> int:
        return GPU_BATCH_TOKENS if self.device.startswith("cuda") else CPU_BATCH_TOKENS


def _loaded(settings: RerankSettings, device: str) -> CrossEncoder:
    """The model, from files on this machine alone: weights alone, no code out of the model's folder."""
    folder = model_folder(settings.model, settings.revision)
    if folder is None:
        raise RerankError(f"The reranking model {settings.model} is not on this machine.", permanent=True)
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    try:
        model = CrossEncoder(
            str(folder), device=device, trust_remote_code=False, local_files_only=True,
            model_kwargs={"use_safetensors": reads_safetensors(folder), "dtype": dtype},
        )  # fmt: skip
    except UNREADABLE as error:
        log.exception("Loading %s failed", settings.model)
        message = f"The reranking model {settings.model} cannot be loaded: {why_unreadable(error)}"
        raise RerankError(message, permanent=True) from error
    _refuse_strangers(settings.model, model)
    return model.eval()


def _refuse_strangers(name: str, model: CrossEncoder) -> None:
    """A model with several answers, or one that is asked in words that are not known here, would rank at random."""
    if model.num_labels != 1 or (_is_causal(model) and _config(model).model_type not in PROMPTED):
        raise RerankError(f"{name} is not a reranking model of a kind that is known here.", permanent=True)


def _config(model: CrossEncoder) -> Any:
    return model.model.config  # type: ignore[union-attr]


def _is_causal(model: CrossEncoder) -> bool:
    return str((_config(model).architectures or [""])[0]).endswith("ForCausalLM")
