"""Take a file in: store it under its hash and queue it, or say why not."""

import hashlib
import os
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from django.conf import settings
from django.db import IntegrityError, transaction
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from ingestion import queue
from ingestion.doorbell import ring
from ingestion.errors import IngestionError
from ingestion.sniff import sniff
from kb.files import BLOCK, keep
from kb.models import Document, KnowledgeBase, User


@dataclass(frozen=True)
class Received:
    """A document, and whether it is new: the same content in the same knowledge base is the same document."""

    document: Document
    is_new: bool


@dataclass(frozen=True)
class Draft:
    """A file on its way in: where it lies for now, its hash and size in bytes."""

    path: Path
    sha256: str
    size: int


def receive(
    file: BinaryIO,
    *,
    knowledge_base: KnowledgeBase,
    user: User | None,
    name: str,
    folder: str = "",
    parent: Document | None = None,
) -> Received:
    """Store the file and queue it for parsing. Raises IngestionError if it is empty, too large or unknown."""
    name, folder = clean_name(name), clean_folder(folder)
    draft = _spool(file)
    try:
        kind = sniff(draft.path, name)
        keep(draft.path, draft.sha256)
    finally:
        draft.path.unlink(missing_ok=True)
    document = Document(
        knowledge_base=knowledge_base, parent=parent, title=title_of(name), name=name, folder=folder,
        media_type=kind.media_type, size=draft.size, sha256=draft.sha256, uploaded_by=user,
    )  # fmt: skip
    return _queue(document)


def _queue(document: Document) -> Received:
    """One row a content; of two uploads at once the unique constraint lets one in, and the other finds it."""
    try:
        with transaction.atomic():
            document.save(force_insert=True)
            transaction.on_commit(lambda: ring(document))
        return Received(document, is_new=True)
    except IntegrityError:
        twin = Document.objects.get(
            knowledge_base=document.knowledge_base, sha256=document.sha256, deleted_at__isnull=True
        )
    if twin.status in (Document.Status.FAILED, Document.Status.CANCELLED):
        queue.retry(twin)
    return Received(twin, is_new=False)


def _spool(file: BinaryIO) -> Draft:
    """Write the stream to the data folder's disk while hashing it. Raises IngestionError if empty or too large."""
    limit = settings.KB_MAX_UPLOAD_MB * 1024 * 1024
    digest, size = hashlib.sha256(), 0
    handle, path = tempfile.mkstemp(dir=settings.KB_DATA / "tmp", prefix="incoming-")
    try:
        with os.fdopen(handle, "wb") as out:
            while block := file.read(BLOCK):
                size += len(block)
                if size > limit:
                    raise IngestionError(
                        _("This file is larger than %(limit)s, the most that is taken here.")
                        % {"limit": filesizeformat(limit)}
                    )
                digest.update(block)
                out.write(block)
        if not size:
            raise IngestionError(_("This file is empty."))
    except BaseException:
        os.unlink(path)
        raise
    return Draft(Path(path), digest.hexdigest(), size)


def clean_name(name: str) -> str:
    """A file's own name: no folders, no control characters, at most 255 characters with the extension kept."""
    name = PurePosixPath(name.replace("\\", "/")).name
    name = "".join(c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c)[0] != "C").strip()
    stem, dot, extension = name.rpartition(".")
    if dot and len(extension) <= 10:
        return (stem[: 254 - len(extension)] + dot + extension) or _("untitled")
    return name[:255] or _("untitled")


def clean_folder(folder: str) -> str:
    """A folder's path inside what was uploaded, without anything that leads out of it."""
    parts = (clean_name(part) for part in folder.replace("\\", "/").split("/") if part.strip(" .") not in ("", ".."))
    return "/".join(parts)[:500]


def title_of(name: str) -> str:
    """A title until the parser finds a better one: the name without its extension."""
    return (PurePosixPath(name).stem or name)[:300]
