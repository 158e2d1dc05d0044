"""PDF: text with its place on the page; pages that are pictures are read by OCR where that is installed."""

import re
from dataclasses import dataclass, field

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from ingestion.clean import clean
from ingestion.errors import IngestionError
from ingestion.parsers import Draft, Source, ocr
from ingestion.parsers.layout import Outline, Page, blocks_of, squeezed
from ingestion.parsers.pdf_form import filled_in
from ingestion.parsers.pdf_lines import has_picture, lines_of
from ingestion.sentence import Sentence
from ingestion.sentence import sentence as _
from ingestion.sniff import PROTECTED

_MOST_PAGES = 20_000
_FEW = 20  # characters: a page with fewer is taken for a picture
_DPI = 200
_MOST_PIXELS = 4500  # along an edge: a page may claim to be as large as a field
_IN_A_ROW = 20  # broken pages, after which the rest is given up


@dataclass
class _Pages:
    """The pages read, and what became of the others."""

    read: list[Page] = field(default_factory=list)
    recognised: list[int] = field(default_factory=list)
    guessed: list[int] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)
    out_of_time: bool = False


def parse_pdf(source: Source) -> Draft:
    document = open_pdf(source)
    count = len(document)
    pages = _read(document, min(count, _MOST_PAGES), source)
    if len(pages.broken) == min(count, _MOST_PAGES):
        raise IngestionError(_("This PDF is damaged: none of its pages can be opened."))
    notes = _notes(pages, count, ocr.languages(source.ocr_languages))
    outline = _outline(document)
    return Draft(blocks_of(pages.read, outline), _title(document), count - len(pages.broken), notes=notes)


def open_pdf(source: Source) -> pdfium.PdfDocument:
    try:
        document = pdfium.PdfDocument(source.path)
        document.init_forms()
        return document
    except pdfium.PdfiumError as error:
        raise IngestionError(_said(str(error))) from None


def _said(error: str) -> Sentence:
    if "password" in error.lower():
        return PROTECTED
    if "security" in error.lower():
        return _("This PDF is encrypted in a way that cannot be read. Print it into a new PDF and upload that.")
    return _("This PDF is damaged and cannot be opened. Upload it once more from its source.")


def _read(document: pdfium.PdfDocument, count: int, source: Source) -> _Pages:
    pages = _Pages()
    languages = ocr.languages(source.ocr_languages)
    for index in range(count):
        if len(pages.broken) >= _IN_A_ROW and pages.broken[-_IN_A_ROW] == index - _IN_A_ROW + 1:
            pages.broken += range(index + 1, count + 1)
            break
        try:
            page = document[index]
        except pdfium.PdfiumError:
            pages.broken.append(index + 1)
            continue
        _read_page(page, index + 1, languages, source.deadline, pages)
        page.close()
        source.progress(index + 1, count)
    return pages


def _read_page(page: pdfium.PdfPage, number: int, languages: str, deadline: float, pages: _Pages) -> None:
    width, height = page.get_size()
    lines, fields = lines_of(page, width, height), list(filled_in(page, width, height))
    if not _is_picture(page, "".join(line.text for line in lines)):
        pages.read.append(Page(number, width, height, [*lines, *fields]))
        return
    if languages and not ocr.is_late(deadline):
        scale = min(_DPI / 72, _MOST_PIXELS / max(width, height, 1))
        picture = page.render(scale=scale, grayscale=True).to_pil()
        reading = ocr.read(picture, languages, width, height, deadline)
        if reading.guessed:
            pages.guessed.append(number)
        if reading.lines:
            lines = reading.lines
            pages.recognised.append(number)
    else:
        pages.unread.append(number)
        pages.out_of_time = bool(languages)
    pages.read.append(Page(number, width, height, [*lines, *fields]))


def _is_picture(page: pdfium.PdfPage, text: str) -> bool:
    """A picture and hardly any text, or drawings and none, or text without meaning (fonts that hide their characters).

    A short page of text alone is what it is.
    """
    readable = sum(not c.isspace() and not "\ue000" <= c <= "\uf8ff" and c != "\ufffd" for c in text)
    if readable >= _FEW and readable * 2 > len(text.replace(" ", "")):
        return False
    drawings = () if readable else (raw.FPDF_PAGEOBJ_PATH,)
    return has_picture(page, *drawings) or (bool(text) and not readable)


def _outline(document: pdfium.PdfDocument) -> Outline:
    depths: dict[tuple[int, str], int] = {}
    try:
        for number, entry in enumerate(document.get_toc(max_depth=6)):
            target = entry.get_dest()
            index = target.get_index() if target else None
            title = squeezed(clean(entry.get_title()))
            if index is not None and title:
                depths[(index + 1, title)] = min(6, entry.level + 1)
                if len(bare := re.sub(r"^[\d.]+", "", title)) > 3:
                    depths.setdefault((index + 1, bare), min(6, entry.level + 1))
            if number > 20_000:
                break
    except (pdfium.PdfiumError, ValueError, RecursionError):
        return Outline()
    return Outline(depths)


def _title(document: pdfium.PdfDocument) -> str:
    try:
        return document.get_metadata_value("Title")
    except (pdfium.PdfiumError, UnicodeError):
        return ""


def _notes(pages: _Pages, count: int, languages: str) -> list[Sentence]:
    notes = []
    if found := pages.recognised:
        notes.append(_("{pages}: the text was recognised in a picture and may contain errors.", pages=_listed(found)))
    if pages.guessed:
        notes.append(ocr.unread(_listed(pages.guessed), languages))
    if late := pages.unread if pages.out_of_time else []:
        notes.append(_("{pages}: no text layer, and recognising it would have taken too long.", pages=_listed(late)))
    elif bare := pages.unread:
        notes.append(
            _("{pages}: no text layer; scanned pages can be read once Tesseract is installed.", pages=_listed(bare))
        )
    if pages.broken:
        notes.append(_("{pages}: damaged and left out.", pages=_listed(pages.broken)))
    if count > _MOST_PAGES:
        notes.append(_("Only the first {count} pages were read.", count=_MOST_PAGES))
    return notes


def _listed(numbers: list[int]) -> Sentence:
    """ "Page 3", "Pages 1-4, 7"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    shown = ", ".join("-".join(map(str, run)) for run in runs[:12]) + (", ..." if len(runs) > 12 else "")
    return _("Page {number}", number=shown) if len(numbers) == 1 else _("Pages {numbers}", numbers=shown)
