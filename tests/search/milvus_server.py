"""A Milvus Lite server of one's own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from kb.services import answers
from tests.search.chroma_server import free_port


class MilvusServer:
    """`milvus-lite server` on a port of its own, that can be stopped or killed and started again on the same data."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        command = [Path(sys.executable).with_name("milvus-lite"), "server", "--data-dir", self.folder]
        self.process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while not answers(("127.0.0.1", self.port)):
            assert time.monotonic() < deadline, "Milvus Lite did not start"
            time.sleep(0.1)

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process:
            os.kill(self.process.pid, number)
            self.process.wait(30)
            self.process = None
