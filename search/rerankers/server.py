"""Rerank on a model server that has a `/rerank`: vLLM, llama.cpp, TEI, Jina, Cohere, our embed worker."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from search.rerankers import RerankError, RerankSettings
from search.tokenize import encodable

AT_ONCE = 32  # passages of a request: TEI takes no more as it comes
SOCKET = "unix://"
REFUSED = (400, 404, 405, 422)  # what servers say to a request that is not of their kind


class ServerReranker:
    """Speaks both kinds of requests and remembers which one this server last answered.

    `{"query", "documents"}` is answered by `{"results": [{"index", "relevance_score"}]}` (Jina, Cohere, vLLM,
    llama.cpp), `{"query", "texts"}` by `[{"index", "score"}]` (text-embeddings-inference). An instruction is put before
    the question. `unix:///path/of/socket` reaches a server on this machine; `/v1/rerank` is then understood.
    """

    def __init__(self, settings: RerankSettings) -> None:
        self.settings = settings
        self.client = _client(settings)
        self._bodies = (_documents, _texts)

    def score(self, question: str, passages: Sequence[str]) -> np.ndarray:
        deadline = time.monotonic() + self.settings.seconds
        asked = encodable(f"{self.settings.instruction}{question}")
        texts = [encodable(passage) for passage in passages]
        parts = [texts[start : start + AT_ONCE] for start in range(0, len(texts), AT_ONCE)]
        scores = [self._ask(asked, part, deadline) for part in parts]
        return np.concatenate(scores) if scores else np.zeros(0, np.float32)

    def using(self, settings: RerankSettings) -> "ServerReranker":
        """This one, which is opened for each setting: it costs nothing."""
        return self if settings == self.settings else ServerReranker(settings)

    def close(self) -> None:
        """Let go of the connections."""
        self.client.close()

    def _ask(self, question: str, passages: list[str], deadline: float) -> np.ndarray:
        first, other = self._bodies
        response = self._post(first(self.settings, question, passages), deadline)
        if response.status_code in REFUSED:
            second = self._post(other(self.settings, question, passages), deadline)
            if second.status_code not in REFUSED:
                response, first, other = second, other, first
        if response.status_code == httpx.codes.OK:  # any other answer says nothing of the kind of server
            self._bodies = (first, other)
        return _scores(response, len(passages))

    def _post(self, body: dict[str, Any], deadline: float) -> httpx.Response:
        left = deadline - time.monotonic()
        if left <= 0:
            raise RerankError("The reranking model does not answer in time.")
        self._must_listen()
        body["seconds"] = round(left, 3)  # for our own embed worker, which stops then; others pass it over
        try:
            return self.client.post(self._path, json=body, timeout=left)
        except httpx.TimeoutException as error:
            raise RerankError("The reranking model does not answer in time.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RerankError(f"The reranking model cannot be reached ({error}).") from error

    def _must_listen(self) -> None:
        """A socket that is not there needs no attempt (of which httpcore would leave a file descriptor behind)."""
        path = self.settings.url.removeprefix(SOCKET).removesuffix("/rerank")
        if self.settings.url.startswith(SOCKET) and not Path(path).exists():
            raise RerankError(f"The reranking model cannot be reached (nobody listens at {path}).")

    @property
    def _path(self) -> str:
        return "http://lane/v1/rerank" if self.settings.url.startswith(SOCKET) else self.settings.url


def _documents(settings: RerankSettings, question: str, passages: list[str]) -> dict[str, Any]:
    return {"model": settings.model, "query": question, "documents": passages, "return_documents": False}


def _texts(settings: RerankSettings, question: str, passages: list[str]) -> dict[str, Any]:
    return {"query": question, "texts": passages, "truncate": True}


def _client(settings: RerankSettings) -> httpx.Client:
    headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
    if settings.url.startswith(SOCKET):
        socket = settings.url.removeprefix(SOCKET).removesuffix("/rerank")
        return httpx.Client(transport=httpx.HTTPTransport(uds=socket), headers=headers)
    return httpx.Client(headers=headers, trust_env=False)


def _scores(response: httpx.Response, expected: int) -> np.ndarray:
    """(expected,) scores in the order of the passages, whatever order the server sorted them into."""
    if response.status_code != httpx.codes.OK:
        busy = response.status_code in (408, 425, 429) or response.status_code >= 500
        message = f"The reranking model refused with {response.status_code}: {_reason(response)}"
        raise RerankError(message, permanent=not busy)
    try:
        said = response.json()
        rows = said if isinstance(said, list) else said["results"]
        scored = {int(row["index"]): float(row.get("relevance_score", row.get("score"))) for row in rows}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RerankError("The reranking model's answer is not a list of scores.", permanent=True) from error
    if scored.keys() != set(range(expected)) or not np.isfinite(list(scored.values())).all():
        raise RerankError(f"The reranking model did not give each of {expected} passages a score.", permanent=True)
    return np.array([scored[place] for place in range(expected)], np.float32)


def _reason(response: httpx.Response) -> str:
    """What the server says of it: OpenAI's way, TEI's, or however."""
    try:
        said: Any = response.json()
        error = said.get("error", said.get("detail", said))
        return str(error.get("message", error) if isinstance(error, dict) else error)[:300]
    except (ValueError, AttributeError):
        return response.text[:300]
