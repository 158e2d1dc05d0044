"""Send several originals as one ZIP archive, made while it is sent."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import IO, cast
from zipfile import ZIP_STORED, ZipFile

from kb.files import BLOCK, path_of
from kb.models import Document


class _Pipe:
    """What ZipFile writes, until it is taken away; it cannot seek, so that nothing waits for the end."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, piece: bytes, /) -> int:
        self.pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        whole, self.pieces = b"".join(self.pieces), []
        return whole


def zipped(documents: Iterable[Document]) -> Iterator[bytes]:
    """The archive's bytes, block by block. An original that is gone is left out."""
    pipe, names = _Pipe(), Counter[str]()
    with ZipFile(cast(IO[bytes], pipe), "w", ZIP_STORED, allowZip64=True) as archive:
        for document in documents:
            try:
                original = path_of(document.sha256).open("rb")
            except FileNotFoundError:
                continue
            with original, archive.open(_name(document, names), "w", force_zip64=True) as member:
                while block := original.read(BLOCK):
                    member.write(block)
                    yield pipe.taken()
    yield pipe.taken()


def _name(document: Document, names: Counter[str]) -> str:
    """Its folder and name; the second of a name gets a number."""
    path = PurePosixPath(document.folder) / document.name
    names[str(path)] += 1
    seen = names[str(path)]
    return str(path if seen == 1 else path.with_stem(f"{path.stem} ({seen})"))
