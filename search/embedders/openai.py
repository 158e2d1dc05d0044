"""OpenAI's `/v1/embeddings` and `/v1/models`, as the many servers speak them that claim to.

Where they differ, as their own issue trackers and answers say it: vLLM refuses `dimensions`, even the model's own, for
a model that is not marked as Matryoshka (400; vllm-project/vllm#16331); llama.cpp ignores `dimensions`, and refuses a
text that is longer than its physical batch with 500 (ggml-org/llama.cpp#25293); Ollama cuts texts at its own context
without a word, or refuses them with 400, by version (ollama/ollama#14259, #14186); TEI takes 32 texts a request unless
told otherwise (422), refuses long texts with 413, or cuts them with `--auto-truncate`.
"""

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from search.embedders import EmbeddingError

SOCKET = "unix://"
NEGOTIABLE = (400, 413, 415, 422, 501)  # another form of the request, or a smaller one, may be taken
WAIT = (408, 425, 429)
TOO_LONG = re.compile(
    r"too (large|long)|context (length|size|window)|physical batch|input length|must have less than", re.IGNORECASE
)
LONGEST_WAIT = 60.0  # seconds, whatever Retry-After says


class ServerRefusal(EmbeddingError):
    """A model server did not answer with vectors."""

    def __init__(
        self, message: str, *, permanent: bool, after: float = 0.0, negotiable: bool = False, too_long: bool = False
    ) -> None:
        super().__init__(message, permanent=permanent, refuses_text=negotiable or too_long)
        self.after, self.negotiable, self.too_long = after, negotiable, too_long


@dataclass(frozen=True)
class Form:
    """How vectors are asked for: numbers as text or as base64, and how many of them (None: as many as there are)."""

    encoding: str = "base64"
    dimensions: int | None = None


PLAIN = Form("float")


@dataclass(frozen=True)
class Answered:
    """(n, whatever the server makes) float32 vectors in the order of the texts, and the tokens it says to have read."""

    vectors: np.ndarray
    tokens: int | None


def client_of(url: str, api_key: str) -> httpx.Client:
    """`url` ends before `/embeddings`. `unix:///path/of/socket` reaches a server on this machine; /v1 is understood."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    if url.startswith(SOCKET):
        transport = httpx.HTTPTransport(uds=url.removeprefix(SOCKET))
        return httpx.Client(base_url="http://embedder/v1/", transport=transport, headers=headers)
    return httpx.Client(base_url=url.rstrip("/") + "/", headers=headers, trust_env=False)


def ask(client: httpx.Client, model: str, texts: list[str], form: Form, timeout: httpx.Timeout) -> Answered:
    """One request. Raises ServerRefusal."""
    body: dict[str, Any] = {"model": model, "input": texts, "encoding_format": form.encoding}
    if form.dimensions:
        body["dimensions"] = form.dimensions
    return _answered(_said(client, "POST", "embeddings", timeout, body), len(texts))


def models(client: httpx.Client, timeout: httpx.Timeout) -> list[tuple[str, int]]:
    """The models that the server has, and the tokens that it says each reads (0: it does not). Raises ServerRefusal."""
    answer = _said(client, "GET", "models", timeout)
    try:
        return [(str(entry["id"]), _context_of(entry)) for entry in answer["data"] or []]
    except (KeyError, TypeError, AttributeError) as error:
        raise ServerRefusal("The model server's answer is not a list of models.", permanent=True) from error


def _context_of(entry: dict[str, Any]) -> int:
    """`max_model_len` is vLLM's, `meta.n_ctx` llama.cpp's."""
    said = entry.get("max_model_len") or (entry.get("meta") or {}).get("n_ctx")
    return said if isinstance(said, int) else 0


def must_listen(url: str) -> None:
    """A socket that is not there needs no attempt (of which httpcore would leave a file descriptor behind)."""
    path = url.removeprefix(SOCKET)
    if path != url and not Path(path).exists():
        raise ServerRefusal(f"The model server cannot be reached (nobody listens at {path}).", permanent=False)


def _said(client: httpx.Client, method: str, path: str, timeout: httpx.Timeout, body: dict | None = None) -> Any:
    try:
        response = _sent(client, method, path, timeout, body)
    except httpx.TimeoutException as error:
        raise ServerRefusal("The model server does not answer in time.", permanent=False) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServerRefusal(f"The model server cannot be reached ({error}).", permanent=False) from error
    if response.status_code != httpx.codes.OK:
        raise _refusal(response)
    try:
        return response.json()
    except ValueError as error:
        raise ServerRefusal("The model server's answer is not a list of vectors.", permanent=True) from error


def _sent(client: httpx.Client, method: str, path: str, timeout: httpx.Timeout, body: dict | None) -> httpx.Response:
    try:
        return client.request(method, path, json=body, timeout=timeout)
    except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):  # it was restarted: a new connection
        return client.request(method, path, json=body, timeout=timeout)


def _refusal(response: httpx.Response) -> ServerRefusal:
    status, reason = response.status_code, _reason(response)
    too_long = bool(TOO_LONG.search(reason)) and (status in NEGOTIABLE or status >= 500)
    busy = not too_long and (status in WAIT or status >= 500) and status not in NEGOTIABLE
    return ServerRefusal(
        f"The model server refused with {status}: {reason}", permanent=not busy, after=_wait(response),
        negotiable=too_long or status in NEGOTIABLE, too_long=too_long,
    )  # fmt: skip


def _wait(response: httpx.Response) -> float:
    """Retry-After in seconds; its other form, a date, is as good as none: the clocks may differ."""
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), LONGEST_WAIT) if asked.isascii() and asked.isdigit() else 0.0


def _answered(answer: Any, expected: int) -> Answered:
    try:
        entries = sorted(answer["data"], key=lambda entry: entry["index"])
        rows = [_numbers(entry["embedding"]) for entry in entries]
        vectors = np.array(rows, dtype=np.float32)
        tokens = (answer.get("usage") or {}).get("prompt_tokens")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ServerRefusal("The model server's answer is not a list of vectors.", permanent=True) from error
    if len(rows) != expected:
        message = f"The model server answered {len(rows)} vectors for {expected} texts."
        raise ServerRefusal(message, permanent=True)
    return Answered(vectors, tokens if isinstance(tokens, int) and tokens > 0 else None)


def _numbers(embedding: str | list[float]) -> np.ndarray:
    """A vector in either form, whichever was asked for; base64 holds little-endian float32."""
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
    return np.asarray(embedding, dtype=np.float32)


def _reason(response: httpx.Response) -> str:
    """What the server says of it: OpenAI's way, or however."""
    try:
        said: Any = response.json()
        error = said.get("error", said)
        return str(error.get("message", error) if isinstance(error, dict) else error)[:300]
    except (ValueError, AttributeError):
        return response.text[:300]
