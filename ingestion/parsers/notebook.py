"""Jupyter notebooks: prose as Markdown, code as code, printed results as they were printed."""

import json
from collections.abc import Iterator
from typing import Any

from ingestion.errors import IngestionError
from ingestion.parsers import Block, Draft, Source
from ingestion.parsers.code import code_blocks
from ingestion.parsers.decode import decode
from ingestion.parsers.web import markdown_blocks
from ingestion.sentence import sentence as _

_LONGEST_OUTPUT = 5_000  # characters: beyond that a result is data, not something to read


def parse_notebook(source: Source) -> Draft:
    try:
        notebook = json.loads(decode(source.path.read_bytes()))
    except (ValueError, RecursionError):
        raise IngestionError(_("This notebook is damaged: it is not valid JSON.")) from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    return Draft(_blocks(cells if isinstance(cells, list) else []))


def _blocks(cells: list[Any]) -> Iterator[Block]:
    for cell in cells:
        if not isinstance(cell, dict):
            continue
        text = _text(cell.get("source"))
        if cell.get("cell_type") == "code":
            yield from code_blocks(text)
            yield from _outputs(cell.get("outputs"))
        elif text.strip():
            yield from markdown_blocks(text)


def _text(source: Any) -> str:
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def _outputs(outputs: Any) -> Iterator[Block]:
    for output in outputs if isinstance(outputs, list) else []:
        if isinstance(output, dict):
            data = output.get("data")
            plain = data.get("text/plain") if isinstance(data, dict) else None
            yield Block(_text(output.get("text") or plain)[:_LONGEST_OUTPUT], "code")
