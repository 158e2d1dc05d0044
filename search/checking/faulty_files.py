"""Find what is wrong with the files: originals that are missing or damaged, page pictures that belong to nothing."""

import random
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings

from kb.files import hash_of, path_of
from kb.models import Document, KnowledgeBase
from search.checking.contents import paged
from search.checking.faults import Fault

FRESH = 3600.0  # seconds: what is younger may belong to what is just being made
MOST_BYTES = 2_000_000_000  # that a check reads again, if it does not read all


def in_files(knowledge_base: KnowledgeBase | None, sample: int | None) -> list[Fault]:
    """`sample`: how many originals are read again and compared with their SHA-256; None: all."""
    living = Document.objects.filter(deleted_at=None).order_by("pk")
    if knowledge_base:
        living = living.filter(knowledge_base=knowledge_base)
    keys = list(living.values_list("pk", flat=True))
    missing = [str(file) for file in _files(keys) if not path_of(file.sha256).exists()]
    damaged = [str(file) for file in _chosen(keys, sample) if _is_damaged(path_of(file.sha256), file.sha256)]
    found = {"missing": missing, "damaged": damaged}
    if knowledge_base is None:
        found["stray"] = [folder.name for folder in stray_pages()]
    return [Fault("files", kind, tuple(items)) for kind, items in found.items() if items]


@dataclass(frozen=True)
class _File:
    """An original, and how it is called where it is."""

    sha256: str
    name: str
    knowledge_base: str
    size: int

    def __str__(self) -> str:
        return f"{self.name} ({self.knowledge_base})"


def _files(keys: Sequence[UUID]) -> Iterator[_File]:
    """Page by page: reading a file takes its time, and no question to the database stays open for it."""
    for page in paged(keys):
        rows = Document.objects.filter(pk__in=page).values_list("sha256", "name", "knowledge_base__name", "size")
        yield from [_File(*row) for row in rows]


def _chosen(keys: Sequence[UUID], sample: int | None) -> Iterator[_File]:
    if sample is None:
        yield from _files(keys)
        return
    read = 0
    for file in _files(random.sample(keys, min(sample, len(keys)))):
        read += file.size
        if read > MOST_BYTES:
            return
        yield file


def _is_damaged(path: Path, sha256: str) -> bool:
    try:
        return hash_of(path) != sha256
    except FileNotFoundError:
        return False  # missing, or deleted meanwhile
    except OSError:
        return True


def stray_pages() -> list[Path]:
    """Folders of page pictures whose document is gone."""
    folder = settings.KB_DATA / "pages"
    old = [path for path in folder.glob("*") if path.is_dir() and path.stat().st_mtime < time.time() - FRESH]
    known = set(Document.objects.values_list("sha256", flat=True)) if old else set()
    return sorted(path for path in old if path.name not in known)


def forget_pages(names: tuple[str, ...]) -> None:
    """Delete these folders of page pictures, as far as nothing needs them."""
    for folder in stray_pages():
        if folder.name in names:
            shutil.rmtree(folder, ignore_errors=True)
