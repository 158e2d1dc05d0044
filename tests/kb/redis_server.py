"""A Redis of a test's own."""

import subprocess
import tempfile
import time
from pathlib import Path

from kb.services import answers_ping, redis_server


class RedisServer:
    """Reachable at `url`, through a socket whose name is short enough."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="redis-")
        self.socket = Path(self.folder.name) / "redis.sock"
        self.url = f"redis+socket://{self.socket}"

    def start(self) -> None:
        command = [
            redis_server(),
            "--port",
            "0",
            "--unixsocket",
            str(self.socket),
            "--save",
            "",
            "--dir",
            self.folder.name,
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while not (self.socket.exists() and answers_ping(self.socket)):
            assert time.monotonic() < until, "Redis does not start."
            time.sleep(0.02)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.folder.cleanup()
