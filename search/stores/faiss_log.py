"""Append changes of a collection to a file, and read them back as far as they are whole.

A record is a header, its chunk ids (int64) and, where vectors are added, their rows (float32), all little-endian. The
header holds the checksum of what follows: what a killed writer left half written is told from what is whole.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HEADER = struct.Struct("<4sIII")  # mark, ids, numbers in a vector (0: the ids are removed), CRC-32 of the rest
MARK = b"KBv1"


@dataclass(frozen=True)
class Change:
    """Vectors (n, dimension) added under ids (n,), or, where `vectors` is None, ids removed. `end`: where it ends."""

    ids: np.ndarray
    vectors: np.ndarray | None
    end: int


def append(path: Path, after: int, ids: np.ndarray, vectors: np.ndarray | None) -> None:
    """Write a change behind the first `after` bytes, which are all that was whole; on disk when this returns."""
    rows = b"" if vectors is None else np.ascontiguousarray(vectors, "<f4").tobytes()
    body = np.ascontiguousarray(ids, "<i8").tobytes() + rows
    header = HEADER.pack(MARK, len(ids), 0 if vectors is None else vectors.shape[1], zlib.crc32(body))
    with path.open("r+b") as file:
        file.truncate(after)
        file.seek(after)
        file.write(header + body)
        file.flush()
        os.fsync(file.fileno())


def changes(path: Path, after: int) -> Iterator[Change]:
    """The whole changes behind the first `after` bytes. The first that is not whole ends them."""
    with path.open("rb") as file:
        file.seek(after)
        while change := _next(file):
            yield change


def _next(file) -> Change | None:
    header = file.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    mark, count, width, checksum = HEADER.unpack(header)
    size = count * (8 + 4 * width)
    if mark != MARK or size > os.fstat(file.fileno()).st_size - file.tell():
        return None
    body = file.read(size)
    if len(body) < size or zlib.crc32(body) != checksum:
        return None
    ids = np.frombuffer(body, "<i8", count).astype(np.int64)
    rows = np.frombuffer(body, "<f4", offset=8 * count).reshape(count, width) if width else None
    return Change(ids, rows, file.tell())


def make_durable(folder: Path) -> None:
    """Have the system write a folder's list of files to disk: a rename counts only then."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
