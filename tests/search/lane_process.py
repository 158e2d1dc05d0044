"""The embed worker's query lane in a process of its own: the bundled model behind a socket.

`python -m tests.search.lane_process SOCKET` serves until its standard input is closed.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def lane_process(socket: Path) -> Iterator[str]:
    """Serves while the block runs; gives the address, as a preset of a model server has it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.search.lane_process", str(socket)], cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout.readline() == b"ready\n"
        yield f"unix://{socket}"
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def _serve(socket: Path) -> None:
    import django

    django.setup()
    from search import lane_server
    from search.embedders import open_embedder
    from tests.search.test_embedder_contract import MINILM, replace

    embedder = open_embedder(replace(MINILM, device="cpu", backend="torch"))
    lane_server.serve(
        lambda model, texts: embedder.embed_raw(texts), socket,
        count=lambda model, texts: sum(embedder.count_tokens(texts)),
    )  # fmt: skip
    print("ready", flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
