"""Spreadsheets: each sheet under its name, in groups of rows that name their columns."""

import datetime
import itertools
import traceback
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from ingestion.errors import IngestionError
from ingestion.parsers import Block, Draft, Source
from ingestion.parsers.docx_package import repaired
from ingestion.parsers.office import core_title
from ingestion.parsers.package import check_package
from ingestion.parsers.tables import table_blocks
from ingestion.sentence import sentence as _
from ingestion.sniff import PROTECTED

_MOST_CELLS = 2_000_000
_MOST_COLUMNS = 2_000
_DAMAGED = _("This file is damaged, or not a valid Excel file. Open it in Excel and save it anew.")


def parse_xlsx(source: Source) -> Draft:
    check_package(source.path)
    import openpyxl

    warnings.simplefilter("ignore")
    path = repaired(source.path, source.workspace)
    try:
        with open(path, "rb") as file:  # given a name, openpyxl judges its extension, and originals lie without one
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
            blocks = [block for sheet in sheets for block in sheet_blocks(sheet.title, _rows(sheet))]
    except (MemoryError, RecursionError, IngestionError):
        raise
    except Exception as error:  # openpyxl raises what the bytes make it stumble over
        traceback.print_exc()
        raise IngestionError(_DAMAGED) from error
    return Draft(blocks, core_title(path))


def _rows(sheet) -> Iterator[list[str]]:
    sheet.reset_dimensions()  # what a file says of its size may be a lie, or be missing
    cells = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True)):
        filled = list(itertools.islice((_shown(value) for value in row), _MOST_COLUMNS))
        cells += sum(map(bool, filled))
        if cells > _MOST_CELLS or number > 1_048_576:
            raise IngestionError(
                _("This workbook has more than {count} cells; split it into smaller ones.", count=_MOST_CELLS)
            )
        yield filled


def _shown(value: Any) -> str:
    """A cell as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.10g}"
    if isinstance(value, datetime.datetime) and value.time() == datetime.time.min:
        return value.date().isoformat()
    return str(value)


def sheet_blocks(name: str, rows: Iterable[list[str]]) -> Iterator[Block]:
    """Tables of a sheet are parted by empty rows; a single cell above one is its caption."""
    found = False
    for table in _tables(rows):
        if not found:
            yield Block(name, "heading", 1)
        found = True
        yield from table


def _tables(rows: Iterable[list[str]]) -> Iterator[Iterator[Block]]:
    """Consecutive filled rows, handed on as they come: a sheet of a million rows is never whole in memory."""
    rows = iter(rows)
    for row in rows:
        if not any(row):
            continue
        if sum(map(bool, row)) == 1:
            yield iter([Block(next(filter(None, row)))])
            continue
        yield table_blocks(itertools.chain([row], itertools.takewhile(any, rows)))


def parse_xls(source: Source) -> Draft:
    import xlrd

    try:
        book = xlrd.open_workbook(source.path, on_demand=True, logfile=open("/dev/null", "w"))  # noqa: SIM115
        blocks = [
            block for sheet in book.sheets() if sheet.visibility == 0
            for block in sheet_blocks(sheet.name, _xls_rows(sheet, book.datemode))
        ]  # fmt: skip
    except (MemoryError, RecursionError, IngestionError):
        raise
    except Exception as error:  # xlrd raises what the bytes make it stumble over
        traceback.print_exc()
        if "encrypted" in str(error).lower():
            raise IngestionError(PROTECTED) from None
        raise IngestionError(_DAMAGED) from error
    return Draft(blocks)


def _xls_rows(sheet, datemode: int) -> Iterator[list[str]]:
    import xlrd

    for number in range(sheet.nrows):
        row = []
        for cell in sheet.row(number)[:_MOST_COLUMNS]:
            if cell.ctype == xlrd.XL_CELL_DATE:
                row.append(_date(cell.value, datemode))
            elif cell.ctype == xlrd.XL_CELL_BOOLEAN:
                row.append(_shown(bool(cell.value)))
            else:
                row.append("" if cell.ctype == xlrd.XL_CELL_ERROR else _shown(cell.value))
        yield row


def _date(value: float, datemode: int) -> str:
    import xlrd

    try:
        return _shown(xlrd.xldate_as_datetime(value, datemode))
    except (ValueError, OverflowError):
        return _shown(value)
