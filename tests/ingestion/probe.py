"""A fenced child that tries what a hostile file might: `python -m tests.ingestion.probe PARENT LIMITS... DEED`."""

import os
import socket
import subprocess
import sys
import time

from ingestion.fence import fence


def main(arguments: list[str]) -> None:
    parent, seconds, memory_mb, file_mb = map(int, arguments[:4])
    fence(parent=parent, memory_mb=memory_mb, cpu_seconds=seconds, file_mb=file_mb)
    globals()[arguments[4]](*arguments[5:])


def orphan() -> None:
    child = subprocess.Popen(["sleep", "60"])
    print(os.getpid(), child.pid, flush=True)
    time.sleep(60)


def call(port: str) -> None:
    socket.create_connection(("127.0.0.1", int(port)), timeout=2)


def call_from_program(port: str) -> None:
    print(subprocess.run(["bash", "-c", f"echo hello > /dev/tcp/127.0.0.1/{port}"], check=False).returncode)


def network() -> None:
    from ingestion import fence as module

    print(module.leave_the_network())


def hang() -> None:
    time.sleep(60)


def burn() -> None:
    while True:
        pass


def eat() -> None:
    print(len(bytearray(4_000_000_000)))


def write() -> None:
    with open("large", "wb") as file:
        for _ in range(64):
            file.write(b"0" * 1_000_000)


def crash() -> None:
    os.abort()


def tell_environment() -> None:
    print(sorted(os.environ))


if __name__ == "__main__":
    main(sys.argv[1:])
