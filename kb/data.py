"""The data folder: where each thing lies in it."""

import contextlib
import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

FOLDERS = ("files", "run", "tmp", "log", "pages", "keywords")


def prepare_data_folder(data: Path) -> None:
    """Make the data folder and its parts, readable by their owner alone."""
    for folder in (data, *(data / name for name in FOLDERS)):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ImproperlyConfigured(f"The folder {folder} cannot be made: {error.strerror}. See KB_DATA.") from None


def secret_key(data: Path) -> str:
    """This installation's secret key: made once, kept in the data folder, readable by its owner alone."""
    file = data / "secret_key"
    if not file.exists():
        draft = data / f"secret_key.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(64), encoding="utf-8")
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)  # atomic: of two first starts at once, one wins and both use its key
        draft.unlink()
    return file.read_text(encoding="utf-8")


def chroma_url(data: Path, configured: str) -> str:
    """Where the Chroma server answers: as configured, else as the launcher wrote down when it started one."""
    return configured or _written_down(data / "run" / "chroma.url", "http://127.0.0.1:8001")


def milvus_url(data: Path, configured: str) -> str:
    """Where Milvus answers: a cluster as configured, else the Lite server's address as the launcher wrote it down."""
    if is_address(configured):
        return configured
    return _written_down(data / "run" / "milvus.url", "http://127.0.0.1:19530")


def milvus_folder(data: Path, configured: str) -> Path:
    """Where Milvus Lite keeps its files, if it runs here."""
    return data / (configured or "milvus")


def is_address(text: str) -> bool:
    """Whether this names a server rather than a place on the disk."""
    return "://" in text


def _written_down(file: Path, otherwise: str) -> str:
    return file.read_text(encoding="utf-8").strip() if file.exists() else otherwise
