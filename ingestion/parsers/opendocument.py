"""OpenDocument texts, spreadsheets and presentations."""

import zipfile
from collections.abc import Iterator
from dataclasses import replace

from lxml import etree

from ingestion.errors import IngestionError
from ingestion.parsers import Block, Draft, Source
from ingestion.parsers.package import check_package
from ingestion.parsers.sheets import sheet_blocks
from ingestion.parsers.tables import table_blocks
from ingestion.sentence import sentence as _

_NS = "urn:oasis:names:tc:opendocument:xmlns:"
_TABLE, _TEXT, _DRAW = f"{{{_NS}table:1.0}}", f"{{{_NS}text:1.0}}", f"{{{_NS}drawing:1.0}}"
_PRESENTATION = f"{{{_NS}presentation:1.0}}"
_APART = (f"{_DRAW}frame", f"{_TEXT}note", "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}annotation")
_MOST_REPEATS = 200  # empty rows and cells repeat to the sheet's edge


def parse_odt(source: Source) -> Draft:
    root, title = _content(source)
    body = root.find(".//{*}body/{*}text")
    return Draft(list(_texts(body)) if body is not None else [], title)


def _texts(parent: etree._Element) -> Iterator[Block]:
    for element in parent.iterchildren(etree.Element):
        if element.tag == f"{_TEXT}h":
            level = element.get(f"{_TEXT}outline-level", "1")
            yield Block(_text(element), "heading", int(level) if level.isdigit() else 1)
        elif element.tag == f"{_TEXT}p":
            yield from _paragraph(element)
        elif element.tag == f"{_TEXT}list":
            yield from _items(element)
        elif element.tag == f"{_TABLE}table":
            yield from table_blocks(_rows(element))
        elif element.tag not in (f"{_TEXT}tracked-changes", f"{_TEXT}sequence-decls", f"{_TEXT}table-of-content"):
            yield from _texts(element)


def _paragraph(element: etree._Element) -> Iterator[Block]:
    yield Block(_text(element))
    for box in element.iter(f"{_DRAW}text-box"):
        yield from _texts(box)
    for note in element.iter(f"{_TEXT}note-body"):
        yield from _texts(note)


def _items(element: etree._Element) -> Iterator[Block]:
    for item in element.iterchildren(f"{_TEXT}list-item", f"{_TEXT}list-header"):
        for child in item.iterchildren(etree.Element):
            if child.tag == f"{_TEXT}list":
                yield from _items(child)
            elif child.tag == f"{_TEXT}h":  # headings that number themselves stand in lists
                yield from (replace(block, kind="heading", depth=1) for block in _paragraph(child))
            else:
                yield Block(_text(child), "list_item")


def parse_ods(source: Source) -> Draft:
    root, title = _content(source)
    tables = root.iter(f"{_TABLE}table")
    blocks = [block for table in tables for block in sheet_blocks(table.get(f"{_TABLE}name", ""), _rows(table))]
    return Draft(blocks, title)


def _content(source: Source) -> tuple[etree._Element, str]:
    check_package(source.path)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        with zipfile.ZipFile(source.path) as package:
            root = etree.fromstring(package.read("content.xml"), parser)
            meta = etree.fromstring(package.read("meta.xml"), parser) if "meta.xml" in package.namelist() else root
    except (KeyError, etree.XMLSyntaxError, zipfile.BadZipFile):
        raise IngestionError(_("This file is damaged, or not a valid OpenDocument file.")) from None
    return root, meta.findtext(".//{http://purl.org/dc/elements/1.1/}title") or ""


def _rows(table: etree._Element) -> Iterator[list[str]]:
    for row in table.iter(f"{_TABLE}table-row"):
        cells: list[str] = []
        for cell in row.iterchildren(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            text = "\n".join(_text(paragraph) for paragraph in cell.iter(f"{_TEXT}p"))
            cells += [text] * min(_number(cell, "number-columns-repeated"), _MOST_REPEATS)
        for _again in range(min(_number(row, "number-rows-repeated"), _MOST_REPEATS) if any(cells) else 1):
            yield cells


def _number(element: etree._Element, name: str) -> int:
    value = element.get(f"{_TABLE}{name}", "1")
    return int(value) if value.isdigit() and len(value) < 9 else 1


def _text(element: etree._Element) -> str:
    """A paragraph's own text: without what is anchored to it, with the white space that is written as elements."""
    return "".join(_pieces(element)).strip()


def _pieces(element: etree._Element) -> Iterator[str]:
    yield " ".join((element.text or "").split("\n"))
    for child in element:
        if child.tag in (f"{_TEXT}s", f"{_TEXT}tab"):
            yield " "
        elif child.tag == f"{_TEXT}line-break":
            yield "\n"
        elif isinstance(child.tag, str) and child.tag not in _APART:
            yield from _pieces(child)
        yield child.tail or ""


def parse_odp(source: Source) -> Draft:
    root, title = _content(source)
    slides = list(root.iter(f"{_DRAW}page"))
    blocks = [block for number, slide in enumerate(slides, 1) for block in _slide(slide, number)]
    return Draft(blocks, title, len(slides))


def _slide(slide: etree._Element, number: int) -> Iterator[Block]:
    for paragraph in slide.iter(f"{_TEXT}p", f"{_TEXT}h"):
        if any(True for _ in paragraph.iterancestors(f"{_PRESENTATION}notes")):
            continue
        frame = next(paragraph.iterancestors(f"{_DRAW}frame"), None)
        title = frame is not None and frame.get(f"{_PRESENTATION}class") == "title"
        listed = any(True for _ in paragraph.iterancestors(f"{_TEXT}list-item"))
        kind = "heading" if title else "list_item" if listed else "paragraph"
        yield Block(_text(paragraph), kind, 1 if title else 0, number)
