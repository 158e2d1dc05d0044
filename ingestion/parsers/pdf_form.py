"""What people filled into the form of a PDF page: it is no part of the page's own text."""

import ctypes
from collections.abc import Callable, Iterator

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from ingestion.clean import one_line
from ingestion.parsers.layout import PageLine
from ingestion.parsers.pdf_lines import shown_at

_WITH_TEXT = (raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX)
_MOST = 2_000  # fields of a page
_LONGEST = 100_000  # bytes of a value


def filled_in(page: pdfium.PdfPage, width: float, height: float) -> Iterator[PageLine]:
    """A line "name: value" for each field that is filled in, at its place on the page."""
    form = page.formenv
    for index in range(min(raw.FPDFPage_GetAnnotCount(page.raw), _MOST) if form else 0):
        field = raw.FPDFPage_GetAnnot(page.raw, index)
        if not field:
            continue
        try:
            if raw.FPDFAnnot_GetFormFieldType(form.raw, field) in _WITH_TEXT and (text := _said(form.raw, field)):
                yield _line(page, field, text, width, height)
        finally:
            raw.FPDFPage_CloseAnnot(field)


def _said(form, field) -> str:
    value = _string(raw.FPDFAnnot_GetFormFieldValue, form, field)
    name = _string(raw.FPDFAnnot_GetFormFieldAlternateName, form, field)
    return f"{name}: {value}" if value and any(map(str.isalpha, name)) else value


def _string(read: Callable, form, field) -> str:
    size = read(form, field, None, 0)
    if not 2 < size <= _LONGEST:
        return ""
    buffer = ctypes.create_string_buffer(size + 2)
    read(form, field, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    return one_line(buffer.raw[:size].decode("utf-16-le", "replace").partition("\0")[0])


def _line(page: pdfium.PdfPage, field, text: str, width: float, height: float) -> PageLine:
    box = raw.FS_RECTF()
    raw.FPDFAnnot_GetRect(field, box)
    x1, y1 = shown_at(page, box.left, box.top, width, height)
    x2, y2 = shown_at(page, box.right, box.bottom, width, height)
    return PageLine(text, 0.0, min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
