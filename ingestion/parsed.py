"""What parsing makes of a file, and the form in which it passes from the child process to the worker."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

Line = tuple[int, int, int, float, float, float, float]
Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class ParsedSection:
    """A heading, paragraph, list item, table or block of code.

    `depth` is 1 for the highest heading, 0 for what is none. `lines` holds (start, end, page, left, top, right,
    bottom) a line: offsets in `text`, edges as fractions (0 to 1) of the page, origin at its top left.
    `table` holds the rows, the header first.
    """

    text: str
    kind: str
    depth: int = 0
    page: int | None = None
    heading_path: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    table: Rows | None = None


@dataclass(frozen=True)
class Attachment:
    """A file that came inside another one; `folder` is where it lay there."""

    name: str
    path: Path
    folder: str


@dataclass(frozen=True)
class ParsedDocument:
    """A parsed file. Archives have attachments and no sections; every other document has at least one section."""

    title: str
    media_type: str
    language: str
    pages: int | None
    sections: tuple[ParsedSection, ...]
    attachments: tuple[Attachment, ...]
    notes: tuple[str, ...]


def write(head: dict, sections: Iterable[ParsedSection], attachments: Iterable[Attachment], out: TextIO) -> None:
    """One JSON value a line: the sections, the attachments, and last, as it is known last, the head."""
    for s in sections:
        row = ["section", s.text, s.kind, s.depth, s.page, s.heading_path, s.lines, s.table]
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
    for a in attachments:
        out.write(json.dumps(["attachment", a.name, str(a.path), a.folder], ensure_ascii=False) + "\n")
    out.write(json.dumps(["head", head], ensure_ascii=False) + "\n")


def read(lines: Iterable[str]) -> tuple[dict, tuple[ParsedSection, ...], tuple[Attachment, ...]]:
    """The reverse of `write`: head, sections, attachments. A cut-off file has an empty head."""
    head: dict = {}
    sections, attachments = [], []
    for line in lines:
        tag, *row = json.loads(line)
        if tag == "section":
            sections.append(_section(row))
        elif tag == "attachment":
            attachments.append(Attachment(row[0], Path(row[1]), row[2]))
        else:
            head = row[0]
    return head, tuple(sections), tuple(attachments)


def _section(row: list) -> ParsedSection:
    text, kind, depth, page, heading_path, lines, table = row
    rows = tuple(tuple(cells) for cells in table) if table is not None else None
    return ParsedSection(text, kind, depth, page, tuple(heading_path), tuple(tuple(x) for x in lines), rows)
