"""Originals on disk, under the SHA-256 of their content: the same file twice is one file."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

BLOCK = 1024 * 1024


def path_of(sha256: str) -> Path:
    """Where the original with this hash lies."""
    return settings.KB_DATA / "files" / sha256[:2] / sha256[2:4] / sha256


def hash_of(path: Path) -> str:
    """The SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def keep(path: Path, sha256: str) -> Path:
    """Move a finished file, which must lie on the data folder's disk, to its place; flushed to disk before."""
    target = path_of(sha256)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(path, target)
    os.utime(target)  # a fresh date keeps it from the sweep until its row is committed
    target.chmod(0o400)
    return target


def kept_before(seconds: float) -> Iterator[Path]:
    """Originals that were last put in place more than `seconds` ago."""
    limit = time.time() - seconds
    for path in (settings.KB_DATA / "files").glob("??/??/*"):
        if path.stat().st_mtime < limit:
            yield path
