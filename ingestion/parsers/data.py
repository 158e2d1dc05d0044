"""Data files: CSV, JSON and XML as text that can be searched and read."""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lxml import etree, html

from ingestion.clean import clean
from ingestion.errors import IngestionError
from ingestion.parsers import Block, Draft, Source
from ingestion.parsers.decode import decode
from ingestion.parsers.tables import table_blocks
from ingestion.sentence import sentence as _

_PIECE = 1500  # characters of a block of JSON


def parse_csv(source: Source) -> Draft:
    text = decode(source.path.read_bytes()).replace("\0", "")
    csv.field_size_limit(10_000_000)
    rows = csv.reader(text.splitlines(keepends=True), delimiter=_delimiter(text), skipinitialspace=True)
    return Draft(table_blocks(rows))


def _delimiter(text: str) -> str:
    """Of the usual ones, that which cuts the first lines into the most even rows."""
    lines = [line for line in text[:20_000].splitlines()[:40] if line.strip()]

    def evenness(mark: str) -> tuple[float, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=mark)]
        most = max(set(counts), key=counts.count, default=1)
        return (counts.count(most) / max(1, len(counts)) if most > 1 else 0.0, most)

    return max(",;\t|", key=evenness)


def parse_json(source: Source) -> Draft:
    text = decode(source.path.read_bytes())
    try:
        value = json.loads(text)
    except RecursionError:
        raise IngestionError(_("This JSON file is nested too deeply to be read.")) from None
    except ValueError:
        return Draft(_lines_or_text(text))
    return Draft(json_blocks(value))


def parse_json_lines(source: Source) -> Draft:
    return Draft(_lines_or_text(decode(source.path.read_bytes())))


def _lines_or_text(text: str) -> Iterator[Block]:
    """A JSON value a line; what is not JSON after all stays the text that it is."""
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        values = [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        return iter([Block(text, "code")])
    return json_blocks(values)


def json_blocks(value: Any) -> Iterator[Block]:
    """A list of flat objects is a table; anything else is written out, a block for each part that fits."""
    if isinstance(value, list) and value and all(_is_flat(item) for item in value):
        return table_blocks(_rows(value))
    return _written(value)


def _is_flat(item: Any) -> bool:
    return isinstance(item, dict) and 0 < len(item) <= 60 and not any(isinstance(v, dict | list) for v in item.values())


def _rows(items: list[dict]) -> Iterator[list[str]]:
    names = list(dict.fromkeys(name for item in items[:1000] for name in item))
    yield names
    for item in items:
        yield [_scalar(item.get(name)) for name in names]


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _dump(value)


def _dump(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, default=str)


def _written(value: Any, path: str = "") -> Iterator[Block]:
    """Parts that fit into a block stand together under their path, larger ones are opened."""
    text = _dump(value, 1)
    if len(text) <= _PIECE or not isinstance(value, dict | list) or path.count(".") > 8:
        yield Block(f"{path}: {text}" if path else text, "code")
        return
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    together: list[str] = []
    for name, part in parts:
        place = f"{path}.{name}" if path else str(name)
        text = _dump(part, 1)
        if len(text) > _PIECE or sum(map(len, together)) + len(text) > _PIECE:
            yield from _joined(together)
            together = []
        if len(text) > _PIECE:
            yield from _written(part, place)
        else:
            together.append(f"{place}: {text}")
    yield from _joined(together)


def _joined(texts: list[str]) -> Iterable[Block]:
    return [Block("\n".join(texts), "code")] if texts else []


def parse_xml(source: Source) -> Draft:
    """The text of the elements. Entities stay unresolved and nothing is fetched: no XXE, no bomb."""
    root = _xml_root(source.path)
    if root is None:
        return Draft([Block(decode(source.path.read_bytes()), "code")])
    title = root.find("{*}channel/{*}title") if root.tag == "rss" else root.find("{*}title")
    return Draft(_elements(root), title=(title.text or "") if title is not None else "")


def _xml_root(path: Path) -> etree._Element | None:
    data = path.read_bytes()
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True, remove_comments=True
    )
    declared = re.match(rb"\s*<\?xml[^>]{0,200}encoding=[\"']([\w.-]+)", data)
    text = decode(data, declared[1].decode("ascii") if declared else "")
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", clean(text))
    try:
        root = etree.fromstring(text.encode("utf-8"), parser)
    except etree.XMLSyntaxError:
        return None
    if root is not None:  # what stands after an unresolved entity goes on with what stands before it
        etree.strip_elements(root, etree.Entity, etree.ProcessingInstruction, with_tail=False)
    return root


def _elements(root: etree._Element) -> Iterator[Block]:
    """A block for each element that has words of its own, with the words of what is in it."""
    done: set[etree._Element] = set()
    for element in root.iter(etree.Element):
        if element.tag.rpartition("}")[2] in ("script", "style") or any(a in done for a in _near_ancestors(element)):
            continue
        tails = "".join(child.tail or "" for child in element).strip()
        own = (element.text or "").strip()
        if (own and (tails or not len(element))) or tails:
            done.add(element)
            text = "".join(element.itertext(etree.Element)) if len(element) else own
            yield Block(_without_markup(text))
        elif own:
            yield Block(_without_markup(own))


def _near_ancestors(element: etree._Element) -> Iterator[etree._Element]:
    for count, ancestor in enumerate(element.iterancestors()):
        if count > 40:
            return
        yield ancestor


def _without_markup(text: str) -> str:
    """Feeds carry HTML as text."""
    if re.search(r"</\w|<br|<p>", text):
        try:
            return html.fromstring(f"<div>{text}</div>").text_content()
        except (etree.ParserError, ValueError):
            return text
    return text
