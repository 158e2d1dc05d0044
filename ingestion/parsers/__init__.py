"""The parsers: for each format, the function that reads it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from ingestion.parsed import Attachment, Line, Rows
from ingestion.sentence import Sentence

PARSERS = {  # format -> module and function, imported on first use
    "pdf": "pdf:parse_pdf",
    "docx": "office:parse_docx",
    "doc": "office:parse_doc",
    "pptx": "office:parse_pptx",
    "ppt": "office:parse_ppt",
    "odt": "opendocument:parse_odt",
    "rtf": "rtf:parse_rtf",
    "xlsx": "sheets:parse_xlsx",
    "xls": "sheets:parse_xls",
    "ods": "opendocument:parse_ods",
    "odp": "opendocument:parse_odp",
    "html": "web:parse_html",
    "md": "web:parse_markdown",
    "rst": "web:parse_rst",
    "org": "web:parse_org",
    "epub": "web:parse_epub",
    "eml": "mail:parse_eml",
    "msg": "mail:parse_msg",
    "txt": "text:parse_text",
    "code": "code:parse_code",
    "csv": "data:parse_csv",
    "json": "data:parse_json",
    "jsonl": "data:parse_json_lines",
    "xml": "data:parse_xml",
    "ipynb": "notebook:parse_notebook",
    "image": "image:parse_image",
    "zip": "archive:parse_zip",
}


@dataclass(frozen=True)
class Source:
    """A file to parse, and what its parser may use.

    `deadline` is in seconds of time.monotonic(): slow work (OCR) stops there and says so.
    """

    path: Path
    name: str
    workspace: Path
    deadline: float
    ocr_languages: str = "eng"
    progress: Callable[[int, int], None] = lambda done, total: None


@dataclass(frozen=True)
class Block:
    """A section as its parser sees it, before the document is put together (ingestion.assemble)."""

    text: str
    kind: str = "paragraph"
    depth: int = 0
    page: int | None = None
    lines: tuple[Line, ...] = ()
    table: Rows | None = None


@dataclass
class Draft:
    """What a parser returns. `blocks` may be lazy; `notes` may still grow while they are taken."""

    blocks: Iterable[Block]
    title: str = ""
    pages: int | None = None
    attachments: list[Attachment] = field(default_factory=list)
    notes: list[Sentence] = field(default_factory=list)


def parser_of(format: str) -> Callable[[Source], Draft]:
    module, function = PARSERS[format].split(":")
    return getattr(import_module(f"ingestion.parsers.{module}"), function)
