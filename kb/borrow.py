"""Have a store's server run for as long as a command needs it, where nothing else runs it."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.conf import settings

from kb import services
from kb.data import chroma_url, is_address, milvus_folder, milvus_url
from kb.launch import LaunchError

START_SECONDS = 120
STOP_SECONDS = 600  # Chroma is never killed while it writes


@contextmanager
def server_of(store: str) -> Iterator[None]:
    """The server of this vector store answers within the block. Raises LaunchError where it does not start."""
    if store not in ("chroma", "milvus") or _answers(store) or _is_elsewhere(store):
        yield
        return
    process = _started(store)
    try:
        yield
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _is_elsewhere(store: str) -> bool:
    return bool(settings.KB_CHROMA_URL) if store == "chroma" else is_address(settings.KB_MILVUS_URI)


def _answers(store: str) -> bool:
    if store == "chroma":
        url = urlsplit(chroma_url(settings.KB_DATA, settings.KB_CHROMA_URL))
    else:
        url = urlsplit(milvus_url(settings.KB_DATA, settings.KB_MILVUS_URI))
    return services.answers((url.hostname or "127.0.0.1", url.port or 80))


def _started(store: str) -> subprocess.Popen:
    data, port = settings.KB_DATA, str(services.port_of(store, settings.KB_DATA))
    folder = str(milvus_folder(data, settings.KB_MILVUS_URI))
    places = {"KB_DATA": str(data), "CHROMA_PORT": port, "MILVUS_PORT": port, "MILVUS_FOLDER": folder}
    details = {"chroma": services.chroma, "milvus": services.milvus}[store](data, places)
    command = services.expand(services.procfile(settings.BASE_DIR / "Procfile")[store], places)
    with (data / "log" / f"{store}.log").open("ab") as log:
        environment = {**os.environ, **details.get("environment", {})}
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    deadline = time.monotonic() + START_SECONDS
    while not details["ready"](process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            process.terminate()
            raise LaunchError(f"The server of {store} does not start; {data}/log/{store}.log says why.")
        time.sleep(0.1)
    return process
