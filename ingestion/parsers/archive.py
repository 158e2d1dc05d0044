"""ZIP archives: each file in them becomes a document of its own."""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from ingestion.clean import one_line
from ingestion.errors import IngestionError
from ingestion.parsers import Attachment, Draft, Source
from ingestion.sentence import Sentence, one_after_another
from ingestion.sentence import sentence as _
from ingestion.sniff import sniff

_MOST_MEMBERS = 5_000
_MOST_BYTES = 1024**3  # of all members together, unpacked
_MOST_RATIO = 200
_RATIO_FROM = 10 * 1024 * 1024  # bytes: a member may be as repetitive as it likes up to here
_SHOWN = 20  # names in a note


def parse_zip(source: Source) -> Draft:
    try:
        with zipfile.ZipFile(source.path) as archive:
            members = [member for member in archive.infolist() if _is_wanted(member)]
            _check(members)
            return _unpacked(archive, members, source)
    except (zipfile.BadZipFile, EOFError, OSError):
        raise IngestionError(_("This ZIP archive is damaged.")) from None


def _is_wanted(member: zipfile.ZipInfo) -> bool:
    """Neither a folder nor a link, nor what file managers leave behind."""
    parts = PurePosixPath(_name(member)).parts
    link = stat.S_ISLNK(member.external_attr >> 16)
    hidden = any(part.startswith(".") and part not in ("..", ".") for part in parts)
    return not (member.is_dir() or link or hidden or "__MACOSX" in parts or parts[-1:] == ("Thumbs.db",) or not parts)


def _name(member: zipfile.ZipInfo) -> str:
    """The member's name. Without the UTF-8 flag it is in the packer's own encoding: in East Asia not CP437."""
    name = member.filename
    if not member.flag_bits & 0x800 and not name.isascii():
        raw = name.encode("cp437", "replace")
        for encoding in ("utf-8", "gb18030", "cp932", "big5"):
            try:
                name = raw.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
    return one_line(name.replace("\\", "/"))


def _check(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > _MOST_MEMBERS:
        raise IngestionError(
            _("This archive has more than {count} files; split it into smaller ones.", count=_MOST_MEMBERS)
        )
    dense = any(m.file_size > _RATIO_FROM and m.file_size > _MOST_RATIO * max(1, m.compress_size) for m in members)
    if dense or sum(member.file_size for member in members) > _MOST_BYTES:
        raise IngestionError(_("This archive would unpack into far more than it seems; it was not opened."))


def _unpacked(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], source: Source) -> Draft:
    attachments: list[Attachment] = []
    left_out: list[str] = []
    for number, member in enumerate(members):
        name = _name(member)
        attachment = _attachment(archive, member, name, source) if _is_inside(name) else None
        if attachment:
            attachments.append(attachment)
        else:
            left_out.append(name)
        source.progress(number + 1, len(members))
    notes = list(_notes(left_out))
    if not attachments:
        raise IngestionError(one_after_another([_("No file that can be read was found in this archive."), *notes]))
    return Draft([], attachments=attachments, notes=notes)


def _is_inside(name: str) -> bool:
    return not name.startswith("/") and ".." not in PurePosixPath(name).parts and ":" not in name[:3]


def _attachment(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, source: Source) -> Attachment | None:
    """The member on disk under a name of ours, or None if it cannot be read or is no kind of ours.

    An archive in an archive is left out: what it holds is not to be known before it is unpacked.
    """
    path = source.workspace / f"member-{member.header_offset}"
    place = PurePosixPath(name)
    try:
        with archive.open(member) as packed, path.open("wb") as out:
            while block := packed.read(1 << 20):
                out.write(block)
        if sniff(path, place.name).format != "zip":
            return Attachment(place.name[:255], path, str(place.parent) if place.parent != PurePosixPath(".") else "")
    except (IngestionError, RuntimeError, zipfile.BadZipFile, EOFError, ValueError, OSError):
        pass
    path.unlink(missing_ok=True)
    return None


def _notes(left_out: list[str]) -> Iterator[Sentence]:
    names, more = ", ".join(left_out[:_SHOWN]), len(left_out) - _SHOWN
    if more > 0:
        yield _("Left out, as they cannot be read: {names} and {count} more.", names=names, count=more)
    elif names:
        yield _("Left out, as they cannot be read: {names}.", names=names)
    if any(name.lower().endswith(".zip") for name in left_out):
        yield _("Archives inside an archive are not opened; upload them by themselves.")
