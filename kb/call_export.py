"""The call log as CSV, a row after the other, however many there are."""

import csv
from collections.abc import Iterator

from django.conf import settings
from django.db.models import QuerySet

from kb.models import Call

AT_ONCE = 2000  # rows that are read from the database
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheets take for the beginning of one
COLUMNS = (
    "time", "kind", "caller", "person", "api key", "knowledge base", "model", "inputs", "tokens read",
    "tokens written", "milliseconds", "first token", "status", "error", "cost",
)  # fmt: skip


def lines(rows: QuerySet[Call]) -> Iterator[str]:
    """The head, and a line a call. The text of calls has a column where it is kept."""
    with_text = settings.KB_LOG_CALL_TEXT
    writer = csv.writer(_Line())
    yield writer.writerow([*COLUMNS, "text"] if with_text else COLUMNS)
    for call in rows.select_related("user", "api_key", "knowledge_base").iterator(chunk_size=AT_ONCE):
        cells = [*_cells(call), call.text] if with_text else _cells(call)
        yield writer.writerow([harmless(cell) for cell in cells])


class _Line:
    """Gives a written line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def _cells(call: Call) -> list[object]:
    return [
        call.at.isoformat(timespec="milliseconds"), call.kind, call.caller, call.user.username if call.user else "",
        call.api_key.name if call.api_key else "", call.knowledge_base.name if call.knowledge_base else "", call.model,
        call.inputs, call.tokens_in, call.tokens_out, call.milliseconds, call.first_milliseconds, call.status,
        call.error, call.cost,
    ]  # fmt: skip


def harmless(cell: object) -> object:
    """A text that a spreadsheet would calculate with begins with an apostrophe (OWASP, "CSV Injection")."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
