"""A real llama.cpp server in a process of its own, on a port of this machine that nobody else can reach.

`python -m tests.search.llama_server '{"model": "file.gguf", "embedding": true}'` runs one; it says its address in one
line, serves until its standard input is closed, and then ends.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_SECONDS = 120  # a cold, busy machine
STOP_SECONDS = 20
POOLING = {"mean": "LLAMA_POOLING_TYPE_MEAN", "cls": "LLAMA_POOLING_TYPE_CLS", "last": "LLAMA_POOLING_TYPE_LAST"}


@dataclass(frozen=True)
class LlamaServer:
    """`url` ends with /v1; `log` is what it said so far."""

    url: str
    process: subprocess.Popen
    log: Path


@contextmanager
def llama_server(
    model: Path, *, folder: Path, context: int = 512, batch: int = 512, **options
) -> Iterator[LlamaServer]:
    """Serves this GGUF file while the block runs.

    `options`: `embedding=True` for /v1/embeddings, `pooling="last"` for another than the file says, `reranking=True`
    for /v1/rerank, `api_key`, and `port` (else a free one). One text may have `batch` tokens when it is embedded, and
    `context` tokens when it is chatted with.
    """
    asked = {"model": str(model), "context": context, "batch": batch, **options}
    log = folder / "llama.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.search.llama_server", json.dumps(asked)],
            cwd=Path(__file__).resolve().parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out,
        )  # fmt: skip
    try:
        yield LlamaServer(_address(process, log) + "/v1", process, log)
    finally:
        _end(process)


def _address(process: subprocess.Popen, log: Path) -> str:
    """Where it answers, once it does."""
    said = process.stdout.readline().decode().strip()
    deadline = time.monotonic() + START_SECONDS
    while said and process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{said}/health", timeout=5, trust_env=False).status_code == 200:
                return said
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"llama.cpp did not start: {log.read_text(errors='replace')[-2000:]}")


def _end(process: subprocess.Popen) -> None:
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def _serve(asked: dict) -> None:
    """Keeps standard output for the address: llama.cpp may write to it, too."""
    import xllamacpp

    said, _ = os.fdopen(os.dup(1), "w"), os.dup2(2, 1)
    server = xllamacpp.Server(_params(xllamacpp, asked))
    print(server.listening_address, file=said, flush=True)
    sys.stdin.buffer.read()
    os._exit(0)  # its threads would be waited for


def _params(xllamacpp, asked: dict):
    params = xllamacpp.CommonParams()
    params.model.path = asked["model"]
    params.hostnames, params.port = ["127.0.0.1"], asked.get("port", 0)
    params.n_ctx, params.n_batch, params.n_ubatch = asked["context"], asked["batch"], asked["batch"]
    params.n_parallel, params.warmup = 1, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # several wait for each other on a busy machine
    params.embedding = bool(asked.get("embedding") or asked.get("reranking"))
    if asked.get("reranking"):
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_RANK
    elif asked.get("pooling"):
        params.pooling_type = getattr(xllamacpp.llama_pooling_type, POOLING[asked["pooling"]])
    if asked.get("api_key"):
        params.api_keys = [asked["api_key"]]
    return params


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
