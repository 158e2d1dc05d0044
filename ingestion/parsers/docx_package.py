"""Make Office packages of every dialect into the one that the libraries read, with nothing that is shown left out."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from ingestion.parsers import Block
from ingestion.parsers.decode import decode

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_STRICT = {
    b"http://purl.oclc.org/ooxml/officeDocument/relationships": b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    b"http://purl.oclc.org/ooxml/wordprocessingml/main": b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    b"http://purl.oclc.org/ooxml/drawingml/": b"http://schemas.openxmlformats.org/drawingml/2006/",
    b"http://purl.oclc.org/ooxml/presentationml/main": b"http://schemas.openxmlformats.org/presentationml/2006/main",
    b"http://purl.oclc.org/ooxml/officeDocument/": b"http://schemas.openxmlformats.org/officeDocument/2006/",
}
_VARIANTS = (  # content types of templates, shows and files with macros -> of the plain document
    (rb"application/vnd\.ms-word\.(?:document|template)\.macroEnabled(?:Template)?\.main\+xml|"
     rb"application/vnd\.openxmlformats-officedocument\.wordprocessingml\.template\.main\+xml",
     b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"),
    (rb"application/vnd\.ms-powerpoint\.(?:presentation|template|slideshow)\.macroEnabled\.main\+xml|"
     rb"application/vnd\.openxmlformats-officedocument\.presentationml\.(?:template|slideshow)\.main\+xml",
     b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"),
)  # fmt: skip
_HARD = re.compile(rb"<w:(?:txbxContent|sdt|ins|moveTo|smartTag|customXml|vanish|altChunk)\b")


def repaired(path: Path, workspace: Path) -> Path:
    """The package itself, or a copy in which what the libraries would stumble over, or pass over, is put right."""
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist() if _is_text(name)}
        changed = {name: new for name, data in parts.items() if (new := _repaired(name, data)) != data}
        if not changed:
            return path
        copy = workspace / f"repaired{path.suffix or '.zip'}"
        with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
            for name in dict.fromkeys(package.namelist()):
                out.writestr(name, changed.get(name) or parts.get(name) or package.read(name))
    return copy


def _is_text(name: str) -> bool:
    return name.endswith((".xml", ".rels")) and not name.startswith(("customXml/", "word/theme", "ppt/theme"))


def _repaired(name: str, data: bytes) -> bytes:
    if name == "[Content_Types].xml":
        for pattern, plain in _VARIANTS:
            data = re.sub(pattern, plain, data)
        return data
    if b"http://purl.oclc.org/ooxml/" in data:
        for strict, usual in _STRICT.items():
            data = data.replace(strict, usual)
    if name == "word/document.xml" and _HARD.search(data):
        return _flattened(data)
    return data


def _flattened(data: bytes) -> bytes:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        return data
    _remove(root, f"{_MC}Fallback", f"{_W}del", f"{_W}moveFrom")
    for mark in list(root.iter(f"{_W}vanish")):  # hidden text: not there for who reads the document
        run = mark.getparent().getparent()
        if mark.get(f"{_W}val") not in ("0", "false") and run is not None and run.tag == f"{_W}r":
            run.getparent().remove(run)
    _lift_text_boxes(root)
    for tag in ("sdtContent", "ins", "moveTo", "smartTag", "customXml"):
        for element in list(root.iter(f"{_W}{tag}")):
            _unwrap(element.getparent() if tag == "sdtContent" else element, element)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)


def _remove(root: etree._Element, *tags: str) -> None:
    for element in list(root.iter(*tags)):
        parent = element.getparent()
        if parent is not None and not (element.tag == f"{_W}del" and parent.tag == f"{_W}rPr"):
            parent.remove(element)


def _lift_text_boxes(root: etree._Element) -> None:
    """What stands in a text box becomes paragraphs after the one that the box is anchored to."""
    for box in reversed(list(root.iter(f"{_W}txbxContent"))):
        anchor = next(box.iterancestors(f"{_W}p"), None)
        if anchor is None or anchor.getparent() is None:
            continue
        for child in reversed(list(box)):
            if child.tag in (f"{_W}p", f"{_W}tbl"):
                anchor.addnext(child)


def _unwrap(outer: etree._Element, inner: etree._Element) -> None:
    parent = outer.getparent()
    if parent is None:
        return
    place = parent.index(outer)
    for child in reversed([c for c in inner if c.tag != f"{_W}sdtPr"]):
        parent.insert(place, child)
    parent.remove(outer)


def embedded_pages(path: Path) -> Iterator[str]:
    """HTML that the document takes in as a part of itself."""
    with zipfile.ZipFile(path) as package:
        for name in package.namelist():
            if name.startswith("word/") and name.endswith((".html", ".htm", ".xhtml")):
                yield decode(package.read(name))


def footnotes(path: Path) -> Iterator[Block]:
    """Footnotes and endnotes, after the text."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    with zipfile.ZipFile(path) as package:
        for part, tag in (("word/footnotes.xml", "footnote"), ("word/endnotes.xml", "endnote")):
            if part not in package.namelist():
                continue
            try:
                root = etree.fromstring(package.read(part), parser)
            except etree.XMLSyntaxError:
                continue
            for note in root.iter(f"{_W}{tag}"):
                text = "".join(t.text or "" for t in note.iter(f"{_W}t"))
                if text.strip():
                    yield Block(text)
