"""Find what is wrong with the files: originals that are missing or damaged, page pictures that belong to nothing."""

import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from kb.files import hash_of, path_of
from kb.models import Document, KnowledgeBase
from search.faults import Fault

FRESH = 3600.0  # seconds: what is younger may belong to what is just being made
MOST_BYTES = 2_000_000_000  # that a check reads again, if it does not read all


def in_files(knowledge_base: KnowledgeBase | None, sample: int | None) -> list[Fault]:
    """`sample`: how many originals are read again and compared with their SHA-256; None: all."""
    living = Document.objects.filter(deleted_at=None).order_by("pk")
    if knowledge_base:
        living = living.filter(knowledge_base=knowledge_base)
    known = list(living.values_list("sha256", "name", "size"))
    missing = [name for sha256, name, _ in known if not path_of(sha256).exists()]
    damaged = [name for sha256, name, _ in _chosen(known, sample) if _is_damaged(path_of(sha256), sha256)]
    found = {"missing": missing, "damaged": damaged}
    if knowledge_base is None:
        found["stray"] = [folder.name for folder in stray_pages()]
    return [Fault("files", kind, tuple(items)) for kind, items in found.items() if items]


def _chosen(known: list[tuple[str, str, int]], sample: int | None) -> Iterator[tuple[str, str, int]]:
    if sample is None:
        yield from known
        return
    read = 0
    for one in random.sample(known, min(sample, len(known))):
        read += one[2]
        if read > MOST_BYTES:
            return
        yield one


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
