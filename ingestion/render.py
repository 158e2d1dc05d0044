"""Pictures of a document's pages, made once and kept."""

import fcntl
import hashlib
import json
import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from ingestion.errors import IngestionError
from ingestion.sandbox import Limits, run_fenced
from ingestion.sentence import sentence as _

log = logging.getLogger(__name__)
_LIMITS = Limits(seconds=60, memory_mb=1536, file_mb=256)
_GROUP = 4  # pages that are made at once: a reader of one soon wants the next
_FAILED = _("This page cannot be shown as a picture.")


def page_picture(path: Path, number: int, width: int = 1400) -> Path:
    """The WebP picture of a page (from 1) of a PDF or picture file, `width` pixels wide.

    Made in a fenced child process, with its neighbours, and kept in the data folder under the file's SHA-256.
    Raises IngestionError for what cannot be shown.
    """
    folder = _folder(path)
    picture = folder / f"{number}-{width}.webp"
    if picture.exists():
        return picture
    with _alone(folder):
        if not picture.exists():
            first = (number - 1) // _GROUP * _GROUP + 1
            _make(path, folder, list(range(first, first + _GROUP)), width)
    if not picture.exists():
        raise IngestionError(_FAILED)
    return picture


def page_sizes(path: Path) -> tuple[tuple[int, int], ...]:
    """Width and height of each page of a PDF or picture file, in points or pixels: for the space a picture takes."""
    folder = _folder(path)
    sizes = folder / "sizes.json"
    if not sizes.exists():
        with _alone(folder):
            if not sizes.exists():
                _make(path, folder, [], 0)
    if not sizes.exists():
        raise IngestionError(_FAILED)
    return tuple((width, height) for width, height in json.loads(sizes.read_text(encoding="ascii")))


def _folder(path: Path) -> Path:
    """Originals are stored under their SHA-256; for any other file it is counted."""
    name = path.name
    if not re.fullmatch(r"[0-9a-f]{64}", name):
        with path.open("rb") as file:
            name = hashlib.file_digest(file, "sha256").hexdigest()
    folder = Path(settings.KB_DATA) / "pages" / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Of several requests for a document's pages one does the work, the others find it done."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(path: Path, folder: Path, numbers: list[int], width: int) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix="making-") as made:
        workspace = Path(made)
        request = {"path": str(path.resolve()), "folder": made, "numbers": numbers, "width": width}
        ending = run_fenced("ingestion.render_child", [json.dumps(request)], workspace, _LIMITS)
        if ending.code or ending.timed_out:
            log.warning("Pages %s of %s could not be drawn (%d): %s", numbers, path.name, ending.code, ending.errors)
        for file in (*workspace.glob("*.webp"), *workspace.glob("sizes.json")):
            file.rename(folder / file.name)
