"""Put a document together from its parser's blocks: clean text, heading paths, sections of a bearable length."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ingestion.clean import clean, one_line
from ingestion.parsed import Line, ParsedSection
from ingestion.parsers import Block

LONGEST = 20_000  # characters in a section; a longer one is cut at a line, a sentence, a space
_LONGEST_HEADING = 300
_CUTS = (re.compile(r"\n"), re.compile(r"(?<=[。！？!?；])|(?<=[.!?;])\s"), re.compile(r"\s"))


def assemble(blocks: Iterable[Block]) -> Iterator[ParsedSection]:
    """Sections in reading order. A section's heading path holds the headings above it, never its own text."""
    path: list[tuple[int, str]] = []
    for block in blocks:
        block = _cleaned(block)
        if not block.text:
            continue
        if block.kind == "heading" and len(block.text) <= _LONGEST_HEADING:
            while path and path[-1][0] >= block.depth:
                path.pop()
            yield _section(block, path)
            path.append((block.depth, one_line(block.text)))
        else:
            kind = "paragraph" if block.kind == "heading" else block.kind
            block = replace(block, kind=kind, depth=0)
            yield from (_section(piece, path) for piece in _bearable(block))


def _cleaned(block: Block) -> Block:
    """Texts with places are cleaned line by line where they are made: their offsets must stay true."""
    if block.lines:
        return block
    text = clean(block.text).strip("\n") if block.kind == "code" else clean(block.text).strip()
    if not text.strip():
        text = ""
    table = tuple(tuple(one_line(cell) for cell in row) for row in block.table) if block.table else None
    depth = max(1, block.depth) if block.kind == "heading" else 0
    return replace(block, text=text, table=table, depth=depth)


def _section(block: Block, path: list[tuple[int, str]]) -> ParsedSection:
    above = tuple(text for _, text in path)
    return ParsedSection(block.text, block.kind, block.depth, block.page, above, block.lines, block.table)


def _bearable(block: Block) -> Iterator[Block]:
    text, at = block.text, 0
    while len(text) - at > LONGEST:
        end = _cut(text, at)
        yield _slice(block, at, end)
        at = end
    yield _slice(block, at, len(text)) if at else block


def _cut(text: str, start: int) -> int:
    """Where to cut: after the last line end, sentence or space in the second half of what a section may hold."""
    for pattern in _CUTS:
        places = [m.end() for m in pattern.finditer(text, start + LONGEST // 2, start + LONGEST)]
        if places:
            return places[-1]
    return start + LONGEST


def _slice(block: Block, start: int, end: int) -> Block:
    while start < end and block.text[start].isspace() and block.kind != "code":
        start += 1
    text = block.text[start:end].rstrip()
    lines = tuple(_moved(line, start, len(text)) for line in block.lines if line[0] < end and line[1] > start)
    page = lines[0][2] if lines else block.page
    return replace(block, text=text, lines=lines, page=page, table=None)


def _moved(line: Line, by: int, length: int) -> Line:
    start, end, *place = line
    return (max(0, start - by), min(length, end - by), *place)  # type: ignore[return-value]
