"""Embed on a model server that speaks OpenAI's `/v1/embeddings`: vLLM, Ollama, llama.cpp, TEI, our embed worker."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from search.embedders import EmbeddingError, EmbeddingSettings
from search.embedders.batches import batches
from search.embedders.rows import unit_rows
from search.tokenize import encodable

BATCH_CHARACTERS = 200_000  # of a request, its texts padded to the longest
BATCH_TEXTS = 64
BULK_TIMEOUT = httpx.Timeout(120.0, connect=5.0)
QUERY_TIMEOUT = httpx.Timeout(5.0)
WAITS = (0.5, 2.0, 5.0)  # seconds before another attempt
SOCKET = "unix://"


class ServerEmbedder:
    """Many threads may use one. `settings.url` ends before `/embeddings`, as in http://127.0.0.1:8080/v1.

    `unix:///path/of/socket` reaches a server on this machine; `/v1` is then understood.
    """

    def __init__(self, settings: EmbeddingSettings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.settings = settings
        self.client = _client(settings.url, settings.api_key)
        self._sleep = sleep

    def embed_documents(self, texts: list[str]) -> np.ndarray:
        """(n, dimension) vectors of passages; the document instruction is put before each."""
        texts = [self.settings.document_instruction + text for text in texts]
        vectors = np.zeros((len(texts), self.settings.dimension), dtype=np.float32)
        for batch in batches([len(text) + 1 for text in texts], BATCH_CHARACTERS):
            for part in (batch[start : start + BATCH_TEXTS] for start in range(0, len(batch), BATCH_TEXTS)):
                vectors[part] = self._patiently([texts[index] for index in part])
        return vectors

    def embed_query(self, text: str) -> np.ndarray:
        """(dimension,) vector of a question, at once or not at all: someone is waiting."""
        return self.embed_raw([self.settings.query_instruction + text])[0]

    def embed_raw(self, texts: list[str]) -> np.ndarray:
        """(n, dimension) vectors of texts as they are, at once or not at all."""
        parts = [texts[start : start + BATCH_TEXTS] for start in range(0, len(texts), BATCH_TEXTS)]
        return np.concatenate([self._ask(part, QUERY_TIMEOUT) for part in parts])

    def close(self) -> None:
        """Let go of the connections."""
        self.client.close()

    def _patiently(self, texts: list[str]) -> np.ndarray:
        for wait in WAITS:
            try:
                return self._ask(texts, BULK_TIMEOUT)
            except EmbeddingError as error:
                if error.permanent:
                    raise
            self._sleep(wait)
        return self._ask(texts, BULK_TIMEOUT)

    def _ask(self, texts: list[str], timeout: httpx.Timeout) -> np.ndarray:
        body = {"model": self.settings.model, "input": [encodable(text) for text in texts], "encoding_format": "float"}
        try:
            response = self._post(body, timeout)
        except httpx.TimeoutException as error:
            raise EmbeddingError("The model server does not answer in time.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EmbeddingError(f"The model server cannot be reached ({error}).") from error
        return unit_rows(_rows(response, len(texts)), self.settings.dimension)

    def _post(self, body: dict[str, Any], timeout: httpx.Timeout) -> httpx.Response:
        self._must_listen()
        try:
            return self.client.post("embeddings", json=body, timeout=timeout)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):  # it was restarted: a new connection
            return self.client.post("embeddings", json=body, timeout=timeout)

    def _must_listen(self) -> None:
        """A socket that is not there needs no attempt (of which httpcore would leave a file descriptor behind)."""
        path = self.settings.url.removeprefix(SOCKET)
        if path != self.settings.url and not Path(path).exists():
            raise EmbeddingError(f"The model server cannot be reached (nobody listens at {path}).")


def _client(url: str, api_key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    if url.startswith(SOCKET):
        transport = httpx.HTTPTransport(uds=url.removeprefix(SOCKET))
        return httpx.Client(base_url="http://embedder/v1/", transport=transport, headers=headers)
    return httpx.Client(base_url=url.rstrip("/") + "/", headers=headers, trust_env=False)


def _rows(response: httpx.Response, expected: int) -> np.ndarray:
    if response.status_code != httpx.codes.OK:
        busy = response.status_code in (408, 425, 429) or response.status_code >= 500
        message = f"The model server refused with {response.status_code}: {_reason(response)}"
        raise EmbeddingError(message, permanent=not busy)
    try:
        entries = sorted(response.json()["data"], key=lambda entry: entry["index"])
        rows = np.array([entry["embedding"] for entry in entries], dtype=np.float32)
    except (ValueError, KeyError, TypeError) as error:
        raise EmbeddingError("The model server's answer is not a list of vectors.", permanent=True) from error
    if len(rows) != expected:
        raise EmbeddingError(f"The model server answered {len(rows)} vectors for {expected} texts.", permanent=True)
    return rows


def _reason(response: httpx.Response) -> str:
    """What the server says of it: OpenAI's way, or however."""
    try:
        said: Any = response.json()
        error = said.get("error", said)
        return str(error.get("message", error) if isinstance(error, dict) else error)[:300]
    except (ValueError, AttributeError):
        return response.text[:300]
