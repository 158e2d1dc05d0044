"""Parse a file into its sections, in a child process that cannot harm us."""

import json
import logging
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from ingestion.child import NO_TEXT, TOO_LARGE
from ingestion.errors import IngestionError
from ingestion.formats import MEDIA_TYPES
from ingestion.parsed import Attachment, ParsedDocument, ParsedSection, read
from ingestion.sandbox import Ending, Limits, run_fenced
from ingestion.sentence import Sentence
from ingestion.sentence import sentence as _
from ingestion.sniff import sniff

__all__ = ["Attachment", "ParsedDocument", "ParsedSection", "parse"]

log = logging.getLogger(__name__)
_DAMAGED = _("This file could not be read; it is probably damaged.")
_KILLED = _("The reading of this file was stopped from outside, perhaps for want of memory. Try it again.")


def parse(path: Path, name: str, workspace: Path, progress: Callable[[int, int], None] | None = None) -> ParsedDocument:
    """What the file at `path`, which its owner calls `name`, says.

    workspace: an empty folder for this parse alone; attachments lie in it afterwards, the caller deletes it.
    progress: called with pages done and pages in all; what it raises ends the parse.
    Raises IngestionError, always, for whatever goes wrong with a file.
    """
    kind = sniff(path, name)
    out = workspace / "parsed.jsonl"
    request = {
        "path": str(path.resolve()), "name": name, "format": kind.format, "workspace": str(workspace.resolve()),
        "out": str(out.resolve()), "ocr_languages": settings.KB_OCR_LANGUAGES,
    }  # fmt: skip
    limits = Limits(settings.KB_PARSE_SECONDS, settings.KB_PARSE_MEMORY_MB)
    _check_disk(workspace)
    ending = _run(request, workspace, limits, progress)
    _raise_for(ending, limits, name)
    return _read(out, kind.media_type, name)


def _check_disk(workspace: Path) -> None:
    if shutil.disk_usage(workspace).free < 64 * 1024 * 1024:
        raise IngestionError(_("There is no room left on the disk to read this file."), retry=True)


def _run(request: dict, workspace: Path, limits: Limits, progress: Callable[[int, int], None] | None) -> Ending:
    def listen(line: str) -> None:
        if progress:
            done, total = line.split()
            progress(int(done), int(total))

    try:
        return run_fenced("ingestion.child", [json.dumps(request)], workspace, limits, listen)
    except (BlockingIOError, MemoryError) as error:  # no process to be had at the moment
        raise IngestionError(_("The machine had no room to read this file."), retry=True) from error


def _raise_for(ending: Ending, limits: Limits, name: str) -> None:
    """Translate every way to die into a sentence."""
    if ending.timed_out or ending.code == -signal.SIGXCPU:
        raise IngestionError(
            _("Reading this file took longer than {seconds} seconds; it may be too large or damaged. "
              "Smaller parts of it may do.", seconds=limits.seconds)
        )  # fmt: skip
    if ending.code == -signal.SIGKILL:  # the kernel's, short of memory, or somebody's: another attempt may do
        raise IngestionError(_KILLED, retry=True)
    if ending.code < 0 or "MemoryError" in ending.errors or "std::bad_alloc" in ending.errors:
        log.warning("Parsing %r ended with %d: %s", name, ending.code, ending.errors)
        raise IngestionError(TOO_LARGE)
    if ending.code:
        log.warning("Parsing %r failed: %s", name, ending.errors)
        raise IngestionError(_DAMAGED)


def _read(out: Path, media_type: str, name: str) -> ParsedDocument:
    try:
        with out.open(encoding="utf-8") as file:
            head, sections, attachments = read(file)
    except (OSError, ValueError) as error:
        raise IngestionError(_DAMAGED) from error
    if "error" in head:
        raise IngestionError(Sentence.from_json(head["error"]), retry=head["retry"])
    if not head or not (sections or attachments):
        raise IngestionError(NO_TEXT)
    title = head["title"] or _title(name, media_type)
    notes = tuple(str(Sentence.from_json(note)) for note in head["notes"])
    return ParsedDocument(title, media_type, head["language"], head["pages"], sections, attachments, notes)


def _title(name: str, media_type: str) -> str:
    """The file's name as a title: without its extension, but for code, whose name is incomplete without it."""
    return name if media_type == MEDIA_TYPES["code"] else Path(name).stem.strip() or name
