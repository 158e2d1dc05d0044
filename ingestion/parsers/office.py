"""Word and PowerPoint, through `unstructured`; their old formats by way of LibreOffice."""

import shutil
import subprocess
import traceback
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from ingestion.errors import IngestionError
from ingestion.parsers import Block, Draft, Source
from ingestion.parsers.docx_package import embedded_pages, footnotes, repaired
from ingestion.parsers.elements import blocks_from, prepare
from ingestion.parsers.package import check_package
from ingestion.parsers.web import html_draft
from ingestion.sentence import sentence as _
from ingestion.sniff import needs_libreoffice

_DAMAGED = _("This file is damaged, or not a valid Office file. Open it in Office and save it anew.")
_CONVERSION_SECONDS = 120


def parse_docx(source: Source) -> Draft:
    check_package(source.path)
    path = repaired(source.path, source.workspace)
    prepare()
    from unstructured.partition.docx import partition_docx

    elements = _partitioned(partition_docx, path)
    pages = [block for page in embedded_pages(path) for block in html_draft(page).blocks]
    return Draft([*blocks_from(elements), *pages, *footnotes(path)], core_title(path))


def parse_pptx(source: Source) -> Draft:
    check_package(source.path)
    path = repaired(source.path, source.workspace)
    prepare()
    from unstructured.partition.pptx import partition_pptx

    blocks = list(_slides(blocks_from(_partitioned(partition_pptx, path, include_slide_notes=True), pages=True)))
    return Draft(blocks, core_title(path), max((block.page or 0 for block in blocks), default=0) or None)


def _slides(blocks: Iterator[Block]) -> Iterator[Block]:
    """Slide by slide, its title first: the notes of the speaker come before it otherwise."""
    for _page, slide in groupby(blocks, key=lambda block: block.page):
        together = list(slide)
        title = next((block for block in together if block.kind == "heading" and block.depth == 1), None)
        if title:
            yield title
        yield from (block for block in together if block is not title)


def _partitioned(partition, path: Path, **options) -> list:
    try:
        return partition(str(path), languages=[""], **options)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # what python-docx, python-pptx and lxml raise over broken files is beyond listing
        traceback.print_exc()
        raise IngestionError(_DAMAGED) from error


def core_title(path: Path) -> str:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        with zipfile.ZipFile(path) as package:
            root = etree.fromstring(package.read("docProps/core.xml"), parser)
    except (KeyError, etree.XMLSyntaxError, zipfile.BadZipFile, OSError, ValueError):
        return ""
    return root.findtext("{http://purl.org/dc/elements/1.1/}title") or ""


def parse_doc(source: Source) -> Draft:
    return parse_docx(replace(source, path=_converted(source, "docx")))


def parse_ppt(source: Source) -> Draft:
    return parse_pptx(replace(source, path=_converted(source, "pptx")))


def _converted(source: Source, format: str) -> Path:
    """Old files made new by LibreOffice, with a profile of its own: two that share one fail."""
    program = shutil.which("soffice")
    if not program:
        raise IngestionError(needs_libreoffice(format[:3]))
    original = source.workspace / f"original.{format[:3]}"
    shutil.copyfile(source.path, original)
    profile = f"-env:UserInstallation=file://{source.workspace}/profile"
    command = [program, profile, "--headless", "--norestore", "--convert-to", format,
               "--outdir", str(source.workspace), str(original)]  # fmt: skip
    try:
        subprocess.run(command, capture_output=True, check=False, timeout=_CONVERSION_SECONDS)
    except subprocess.TimeoutExpired:
        raise IngestionError(_("LibreOffice took too long to open this file.")) from None
    made = original.with_suffix(f".{format}")
    if not made.exists():
        raise IngestionError(_("LibreOffice could not open this file; it is probably damaged."))
    return made
