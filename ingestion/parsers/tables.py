"""Tables as text: each row names its columns, so that a piece of a long table still says what it means."""

from collections.abc import Iterable, Iterator, Sequence

from ingestion.clean import one_line
from ingestion.parsers import Block

_GROUP = 1500  # characters of a section: a table goes on in as many as it needs, each with the header
_LONGEST_NAME = 60


def table_blocks(rows: Iterable[Sequence[str]], page: int | None = None) -> Iterator[Block]:
    """The blocks of a table whose rows may come one by one. Empty rows and columns to the right are left out."""
    cleaned = (row for row in (_trimmed(row) for row in rows) if row)
    first = next(cleaned, None)
    if first is None:
        return
    second = next(cleaned, None)
    while second is not None and sum(map(bool, first)) == 1 < sum(map(bool, second)):  # a caption, not a header
        yield Block(next(filter(None, first)), "paragraph", 0, page)
        first, second = second, next(cleaned, None)
    body = (row for part in ([second] if second else [], cleaned) for row in part)
    if second is not None and is_header(first, second):
        yield from _groups(first, body, page)
    else:
        yield from _groups((), (row for part in ([first], body) for row in part), page)


def _trimmed(row: Sequence[str]) -> tuple[str, ...]:
    cells = [one_line(cell) for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return tuple(cells)


def is_header(first: Sequence[str], second: Sequence[str]) -> bool:
    """Short, different, wordy cells above a row that is not shorter by much: names of columns."""
    named = [cell for cell in first if cell]
    if len(named) < max(1, len(second) // 2) or len(set(named)) < len(named) or (len(first) == 1 and len(second) == 1):
        return False
    return all(len(cell) <= _LONGEST_NAME and not _is_number(cell) for cell in named)


def _is_number(cell: str) -> bool:
    digits = sum(c.isdigit() for c in cell)
    return digits > 0 and not any(c.isalpha() for c in cell) and digits * 2 >= len(cell.replace(" ", "")) - 4


def _groups(header: tuple[str, ...], rows: Iterable[tuple[str, ...]], page: int | None) -> Iterator[Block]:
    group: list[tuple[str, ...]] = []
    texts: list[str] = []
    size = 0
    for row in rows:
        text = row_text(header, row)
        if group and size + len(text) > _GROUP:
            yield _block(header, group, texts, page)
            group, texts, size = [], [], 0
        group.append(row)
        texts.append(text)
        size += len(text) + 1
    if group or header:
        yield _block(header, group, texts or [" | ".join(header)], page)


def _block(header: tuple[str, ...], rows: list[tuple[str, ...]], texts: list[str], page: int | None) -> Block:
    table = (header, *rows) if header else tuple(rows)
    return Block("\n".join(texts), "table", 0, page, (), table)


def row_text(header: Sequence[str], row: Sequence[str]) -> str:
    """ "City: Bergen; Rain: 2,250 mm" - or the cells alone where there is no header."""
    if not header:
        return " | ".join(cell for cell in row if cell)
    names = [*header, *[""] * (len(row) - len(header))]
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in zip(names, row, strict=False) if cell)
