"""Office files are ZIP archives of XML: check them before they are opened."""

import zipfile
from pathlib import Path

from ingestion.errors import IngestionError
from ingestion.sentence import sentence as _
from ingestion.sniff import PROTECTED

_MOST_BYTES = 300 * 1024 * 1024
_MOST_RATIO = 100  # of about 120 real Office files the highest was 24; bombs begin at 340
_MOST_MEMBERS = 20_000
_RATIO_FROM = 20 * 1024 * 1024  # bytes: smaller parts may be as repetitive as they like


def check_package(path: Path) -> None:
    """Raise for a file that would unpack into far more than it seems, or that is not whole."""
    try:
        with zipfile.ZipFile(path) as package:
            members = package.infolist()
    except (zipfile.BadZipFile, OSError, ValueError):
        raise IngestionError(
            _("This file is damaged: it is cut off or broken. Upload it once more from its source.")
        ) from None
    if any(member.flag_bits & 1 for member in members):
        raise IngestionError(PROTECTED)
    check_sizes(members)


def check_sizes(members: list[zipfile.ZipInfo]) -> None:
    large = [m for m in members if m.file_size > _RATIO_FROM]
    too_dense = any(m.file_size > _MOST_RATIO * max(1, m.compress_size) for m in large)
    if too_dense or len(members) > _MOST_MEMBERS or sum(m.file_size for m in members) > _MOST_BYTES:
        raise IngestionError(_("This file would unpack into far more than it seems; it was not opened."))
