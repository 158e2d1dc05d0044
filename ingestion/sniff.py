"""Tell what a file is by its content; among text formats, which look alike, by its extension."""

import re
import shutil
import zipfile
from pathlib import Path

import olefile

from ingestion.errors import IngestionError
from ingestion.formats import CODE_EXTENSIONS, MEDIA_TYPES, SUPPORTED, TEXT_EXTENSIONS, Kind
from ingestion.sentence import Sentence, one_after_another
from ingestion.sentence import sentence as _

__all__ = ["SUPPORTED", "Kind", "sniff"]

_HEAD = 65536
_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"), (b"II*\0", "image/tiff"), (b"MM\0*", "image/tiff"),
)  # fmt: skip
_NEVER_TEXT = (  # programs, packers, sound and film: short ones hold few control characters
    b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\0asm", b"\x1f\x8b", b"7z\xbc\xaf",
    b"Rar!\x1a", b"\xfd7zXZ", b"BZh9", b"ID3", b"OggS", b"fLaC", b"SQLite format 3\0", b"\x1aE\xdf\xa3",
)  # fmt: skip
_CONTROL = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]")
_OLE_STREAMS = {"workbook": "xls", "book": "xls", "worddocument": "doc", "powerpoint document": "ppt"}
_APPLE = {"Index.zip", "index.apxl", "index.apxl.gz"}
PROTECTED = _("This file is protected by a password. Remove the password and upload it again.")


def sniff(path: Path, name: str) -> Kind:
    """The kind of the file at `path` that its owner calls `name`. Reads 64 kB, of a ZIP its list of members.

    Raises IngestionError, with the list of what can be read, for what cannot.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise IngestionError(_("This file is empty."))
    return _kind(_binary_format(path, head) or _text_format(head, name))


def _kind(format: str) -> Kind:
    if format.startswith("image/"):
        return Kind("image", format)
    return Kind(format, MEDIA_TYPES[format])


def unsupported(what: Sentence) -> IngestionError:
    readable = one_after_another(SUPPORTED, between=", ")
    return IngestionError(_("{refusal} Files that can be read: {formats}.", refusal=what, formats=readable))


def needs_libreoffice(format: str) -> Sentence:
    return _("Old Office files (.{format}) can only be read where LibreOffice is installed; save it as .{format}x.",
             format=format)  # fmt: skip


def _binary_format(path: Path, head: bytes) -> str | None:
    """The format, or None for what may be text."""
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"{\\rtf"):
        return "rtf"
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return _zip_format(path)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _ole_format(path)
    return _picture(head)


def _picture(head: bytes) -> str | None:
    for magic, media_type in _PICTURES:
        if head.startswith(magic):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return "image/bmp"
    return None


def _zip_format(path: Path) -> str:
    """What is inside: Office and e-book files are ZIP archives too."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            mimetype = archive.open("mimetype").read(100).decode("ascii", "replace") if "mimetype" in names else ""
    except (zipfile.BadZipFile, RuntimeError, OSError, ValueError, KeyError, EOFError):
        raise IngestionError(
            _("This file is damaged: it begins like a ZIP archive or Office file, but it is cut off or broken.")
        ) from None
    _refuse_apple(names)
    return _opendocument(mimetype) or _office(names) or "zip"


def _opendocument(mimetype: str) -> str | None:
    for format in ("epub", "odt", "ods", "odp"):
        if mimetype.strip().removesuffix("-template") == MEDIA_TYPES[format]:
            return format
    if "opendocument" in mimetype:
        raise unsupported(_("This kind of OpenDocument file cannot be read."))
    return None


def _office(names: set[str]) -> str | None:
    if "[Content_Types].xml" not in names:
        return "epub" if "META-INF/container.xml" in names else None
    for folder, format in (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx")):
        if any(name.startswith(folder) for name in names):
            return format
    raise IngestionError(_("This Office file is damaged: it holds no document."))


def _refuse_apple(names: set[str]) -> None:
    if any(name.endswith((".iwa", "buildVersionHistory.plist")) or name in _APPLE for name in names):
        raise unsupported(_("Pages, Numbers and Keynote files cannot be read; export them as PDF or for Office."))


def _ole_format(path: Path) -> str:
    """The old container: Word, PowerPoint, Excel before 2007, Outlook messages, and encrypted newer files."""
    try:
        with olefile.OleFileIO(str(path)) as ole:
            streams = {"/".join(entry).lower() for entry in ole.listdir()}
    except Exception:  # olefile raises what the bytes make it stumble over
        raise IngestionError(_("This file is damaged: it begins like an Office file, but it is broken.")) from None
    if "encryptedpackage" in streams:
        raise IngestionError(PROTECTED)
    if "__properties_version1.0" in streams:
        return "msg"
    for stream, format in _OLE_STREAMS.items():
        if stream in streams:
            return _with_libreoffice(format)
    raise unsupported(_("This kind of file cannot be read."))


def _with_libreoffice(format: str) -> str:
    if format in ("doc", "ppt") and not shutil.which("soffice"):
        raise IngestionError(needs_libreoffice(format))
    return format


def _text_format(head: bytes, name: str) -> str:
    extension = extension_of(name)
    if not looks_like_text(head):
        if extension in MEDIA_TYPES or extension in TEXT_EXTENSIONS:
            raise unsupported(
                _("This file is not what its name says (.{extension}), and cannot be read.", extension=extension)
            )
        if extension:
            raise unsupported(_("This kind of file (.{extension}) cannot be read.", extension=extension))
        raise unsupported(_("This kind of file cannot be read."))
    if extension in TEXT_EXTENSIONS:
        format = TEXT_EXTENSIONS[extension]
        return "html" if format == "xml" and _guess(head) == "html" else format
    if extension in CODE_EXTENSIONS or head.startswith(b"#!"):
        return "code"
    return _guess(head)


def extension_of(name: str) -> str:
    stem, dot, extension = name.strip().rpartition(".")
    return extension.lower() if dot and stem and len(extension) <= 12 else name.lower() if not dot else ""


def _guess(head: bytes) -> str:
    start = head[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "html"
    if start.startswith(b"<?xml"):
        return "html" if b"<html" in start else "xml"
    if re.match(rb"(return-path|received|delivered-to|message-id|from|mime-version): .*\n", start) and re.search(
        rb"^(subject|date|mime-version):", start, re.MULTILINE
    ):
        return "eml"
    return "txt"


def looks_like_text(head: bytes) -> bool:
    """Whether the bytes can be text in some encoding: hardly a control character, or UTF-16 or UTF-32."""
    if (head.startswith((b"MZ", *_NEVER_TEXT)) or head[4:8] == b"ftyp") and _CONTROL.search(head[:64]):
        return False
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        return True
    nuls = head.count(0)
    if nuls and _wide(head):
        return True
    return len(_CONTROL.findall(head)) <= max(8, len(head) // 200) and nuls <= max(8, len(head) // 200)


def _wide(head: bytes) -> bool:
    """UTF-16 without a mark: spaces and line ends have their zero always on the same side."""
    whole = head[: len(head) // 2 * 2]
    for encoding in ("utf-16-le", "utf-16-be"):
        try:
            text = whole[:4096].decode(encoding, "ignore")
        except UnicodeError:
            continue
        odd = sum(not (c.isprintable() or c in "\r\n\t") for c in text)
        common = sum(c in " \r\n,.，。、" or c.isascii() for c in text)
        if odd <= len(text) // 100 and common:
            return True
    return False
