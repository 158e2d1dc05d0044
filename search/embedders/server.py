"""Embed on a model server that speaks OpenAI's `/v1/embeddings`: vLLM, Ollama, llama.cpp, TEI, our embed worker."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import numpy as np

from kb.calls import read_tokens
from search.embedders import EmbeddingSettings
from search.embedders.batches import batches
from search.embedders.openai import PLAIN, Answered, Form, ServerRefusal, ask, client_of, must_listen
from search.embedders.reading import Reading
from search.embedders.rows import unit_rows
from search.tokenize import encodable

BATCH_TOKENS = 8_192  # of a request; a server that reads 70 tokens a second answers in time
CHARACTERS_A_TOKEN = 4
BATCH_TEXTS = 64
BULK_TIMEOUT = httpx.Timeout(120.0, connect=5.0)
QUERY_TIMEOUT = httpx.Timeout(5.0)
WAITS = (0.5, 2.0, 5.0)  # seconds before another attempt, unless the server says how long


class ServerEmbedder:
    """Many threads may use one. `settings.url` ends before `/embeddings`, as in http://127.0.0.1:8080/v1.

    Vectors come as base64 where the server has that. It is asked for as many numbers as its model makes; where the
    preset wants fewer, with `dimensions` if the server follows that, else they are cut here. What a server turns out
    to refuse is remembered, and not asked for again.
    """

    def __init__(self, settings: EmbeddingSettings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.settings = settings
        self.client = client_of(settings.url, settings.api_key)
        self.form = Form()
        self.most = BATCH_TEXTS
        self._asked_for_less = False
        self._reading: Reading | None = None
        self._sleep = sleep

    def embed_documents(self, texts: list[str]) -> np.ndarray:
        """(n, dimension) vectors of passages; the document instruction is put before each."""
        return self._embed(self._as_documents(texts))[0]

    def embed_counted(self, texts: list[str]) -> tuple[np.ndarray, list[int]]:
        """The same, and how many tokens of each were really read, instruction included."""
        texts = self._as_documents(texts)
        vectors, reported = self._embed(texts)
        reads = [0] * len(texts)
        for part, tokens in reported:
            counts = self.reading.of([texts[index] for index in part], tokens, self._alone)
            for index, count in zip(part, counts, strict=True):
                reads[index] = count
        return vectors, reads

    def count_tokens(self, texts: list[str]) -> list[int]:
        """The tokens that the model should read of each text: special ones included, at most as many as it can."""
        return [self.reading.counted(encodable(text)) for text in texts]

    def embed_query(self, text: str) -> np.ndarray:
        """(dimension,) vector of a question, at once or not at all: someone is waiting."""
        return self.embed_raw([self.settings.query_instruction + text])[0]

    def embed_raw(self, texts: list[str]) -> np.ndarray:
        """(n, dimension) vectors of texts as they are, at once or not at all."""
        vectors = np.zeros((len(texts), self.settings.dimension), dtype=np.float32)
        texts = [encodable(text) for text in texts]
        for part in self._batches(texts):
            vectors[part] = self._ask([texts[index] for index in part], QUERY_TIMEOUT).vectors
        return vectors

    def using(self, settings: EmbeddingSettings) -> "ServerEmbedder":
        """This one, which is opened for each setting: it costs nothing."""
        return self if settings == self.settings else ServerEmbedder(settings, sleep=self._sleep)

    def close(self) -> None:
        """Let go of the connections."""
        self.client.close()

    @property
    def reading(self) -> Reading:
        """Our own count of tokens; the tokenizer is read when it is first needed."""
        self._reading = self._reading or Reading(self.settings)
        return self._reading

    def _as_documents(self, texts: list[str]) -> list[str]:
        return [encodable(self.settings.document_instruction + text) for text in texts]

    def _embed(self, texts: list[str]) -> tuple[np.ndarray, list[tuple[list[int], int | None]]]:
        """The vectors, and for each request which texts were in it and the tokens that the server counted."""
        vectors = np.zeros((len(texts), self.settings.dimension), dtype=np.float32)
        reported: list[tuple[list[int], int | None]] = []
        for part in self._batches(texts):
            answered = self._halving([texts[index] for index in part])
            vectors[part] = answered.vectors
            reported.append((part, answered.tokens))
        return vectors, reported

    def _batches(self, texts: list[str]) -> Iterator[list[int]]:
        """Indices of texts of like length, as many as a request may have."""
        budget = (self.settings.batch_tokens or BATCH_TOKENS) * CHARACTERS_A_TOKEN
        for batch in batches([len(text) + 1 for text in texts], budget):
            yield from _parts(batch, self.most)

    def _alone(self, text: str) -> int | None:
        return self._patiently([text]).tokens

    def _halving(self, texts: list[str]) -> Answered:
        """By halves where the server takes no more at once; a text that it does not take alone is named."""
        try:
            return self._patiently(texts)
        except ServerRefusal as refusal:
            if not refusal.negotiable:
                raise
            if len(texts) == 1:
                raise self._in_our_words(refusal) from refusal
        half = 1 << (len(texts) - 1).bit_length() - 1  # a power of 2, as servers' own limits are
        first, second = self._halving(texts[:half]), self._halving(texts[half:])
        self.most = min(self.most, half)
        tokens = None if first.tokens is None or second.tokens is None else first.tokens + second.tokens
        return Answered(np.concatenate([first.vectors, second.vectors]), tokens)

    def _in_our_words(self, refusal: ServerRefusal) -> ServerRefusal:
        if not refusal.too_long:
            return refusal
        message = (
            f"The model server does not take texts of {self.settings.max_tokens} tokens, as the preset says that the "
            f"model reads: raise the server's limit, or lower the preset's. {refusal.message}"
        )
        return ServerRefusal(message, permanent=True, too_long=True)

    def _patiently(self, texts: list[str]) -> Answered:
        for wait in WAITS:
            try:
                return self._ask(texts, BULK_TIMEOUT)
            except ServerRefusal as refusal:
                if refusal.permanent:
                    raise
                self._sleep(refusal.after or wait)
        return self._ask(texts, BULK_TIMEOUT)

    def _ask(self, texts: list[str], timeout: httpx.Timeout) -> Answered:
        """Vectors of the preset's dimension and of length 1."""
        must_listen(self.settings.url)
        answered = self._plainer_if_refused(texts, timeout)
        dimension = self.settings.dimension
        if answered.vectors.ndim == 2 and answered.vectors.shape[1] > dimension:
            answered = self._shorter(texts, timeout, answered)
        read_tokens(answered.tokens)
        return replace(answered, vectors=unit_rows(answered.vectors, dimension))

    def _plainer_if_refused(self, texts: list[str], timeout: httpx.Timeout) -> Answered:
        form = self.form
        try:
            return ask(self.client, self.settings.model, texts, form, timeout)
        except ServerRefusal as refusal:
            if not refusal.negotiable or refusal.too_long or form == PLAIN:
                raise
            try:
                answered = ask(self.client, self.settings.model, texts, PLAIN, timeout)
            except ServerRefusal:
                raise refusal from None
        self.form = PLAIN
        return answered

    def _shorter(self, texts: list[str], timeout: httpx.Timeout, full: Answered) -> Answered:
        """Asked for with `dimensions` the first time; cut here where that is refused or ignored."""
        wanted = replace(self.form, dimensions=self.settings.dimension)
        if not self._asked_for_less:
            self._asked_for_less = True
            try:
                answered = ask(self.client, self.settings.model, texts, wanted, timeout)
                if answered.vectors.shape[1:] == (self.settings.dimension,):
                    self.form = wanted
                    return answered
            except ServerRefusal as refusal:
                self._asked_for_less = refusal.permanent  # a busy server has said nothing of it
        return replace(full, vectors=full.vectors[:, : self.settings.dimension])


def _parts(batch: list[int], most: int) -> list[list[int]]:
    return [batch[start : start + most] for start in range(0, len(batch), most)]
