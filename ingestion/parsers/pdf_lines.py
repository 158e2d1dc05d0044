"""The lines of a PDF page, as PDFium finds them: text, size, weight and place."""

import ctypes
import itertools
import re
from dataclasses import replace

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from ingestion.clean import one_line
from ingestion.parsers.columns import PageLine

_UNITS = 1_000_000  # device units along a page's edge: PDFium maps to whole ones
# PDFium joins lines where a hyphen parts a word, and marks the place.
_LINE = re.compile("[^\\r\\n\\ufffe\\x02]+[\\ufffe\\x02]?")


def lines_of(page: pdfium.PdfPage, width: float, height: float) -> list[PageLine]:
    """The page's lines in the order of its content; edges in points from the top left of the page as it is shown."""
    textpage = page.get_textpage()
    try:
        lines = [line for line in _lines(page, textpage, width, height) if line]
        return [_swapped(line) for line in lines] if lines and all(map(_is_swapped, lines)) else lines
    finally:
        textpage.close()


def _lines(page, textpage, width: float, height: float):
    for match in _LINE.finditer(_text(textpage)):
        text = match[0]
        if shown := one_line(text.replace("\ufffe", "-").replace("\x02", "-")):
            first = match.start() + len(text) - len(text.lstrip())
            if _is_invisible(textpage, first) and not has_picture(page):
                continue
            yield _line(page, textpage, shown, first, match.start() + len(text.rstrip()) - 1, width, height)


def _is_invisible(textpage, index: int) -> bool:
    """Text that is written but not drawn. Over a picture it is what OCR found there; elsewhere nobody can read it."""
    found = raw.FPDFText_GetTextObject(textpage.raw, index)
    return bool(found) and raw.FPDFTextObj_GetTextRenderMode(found) == raw.FPDF_TEXTRENDERMODE_INVISIBLE


def has_picture(page: pdfium.PdfPage, *others: int) -> bool:
    """Whether there is a picture on the page, or an object of one of the other kinds."""
    objects = itertools.islice(page.get_objects(max_depth=3), 10_000)
    return any(found.type in (raw.FPDF_PAGEOBJ_IMAGE, *others) for found in objects)


def _is_swapped(line: PageLine) -> bool:
    """Some writers put the two bytes of each character the wrong way round: letters become Chinese."""
    codes = [ord(c) for c in line.text if not c.isspace()]
    return sum(code & 0xFF == 0 and 0x20 < code >> 8 < 0x7F for code in codes) > 0.8 * len(codes)


def _swapped(line: PageLine) -> PageLine:
    return replace(line, text="".join(chr(ord(c) >> 8) if ord(c) & 0xFF == 0 else c for c in line.text))


def _text(textpage) -> str:
    """One character for each of PDFium's indexes, which a text of its own making does not always have."""
    count = textpage.count_chars()
    text = textpage.get_text_range() if count > 0 else ""
    if len(text) == count:
        return text
    characters = (raw.FPDFText_GetUnicode(textpage.raw, index) for index in range(count))
    return _without_halves("".join(chr(c) if 0 < c < 0x110000 else "\ufffd" for c in characters))


def _without_halves(text: str) -> str:
    """Surrogates can be two indexes: the pair becomes its character and a filler, which cleaning removes."""
    if not any("\ud800" <= c <= "\udfff" for c in text):
        return text
    out, index = [], 0
    while index < len(text):
        pair = text[index : index + 2]
        if len(pair) == 2 and "\ud800" <= pair[0] <= "\udbff" and "\udc00" <= pair[1] <= "\udfff":
            out += [pair.encode("utf-16-le", "surrogatepass").decode("utf-16-le"), "\u200b"]
            index += 2
        else:
            out.append(text[index])
            index += 1
    return "".join(out)


def _line(page, textpage, text: str, first: int, last: int, width: float, height: float) -> PageLine | None:
    box = raw.FS_RECTF()
    boxes = []
    for index in sorted({first, (first + last) // 2, last}):
        if raw.FPDFText_GetLooseCharBox(textpage.raw, index, box):
            boxes.append((box.left, box.top, box.right, box.bottom))
    if not boxes:
        return None
    corners = [shown_at(page, min(b[0] for b in boxes), max(b[1] for b in boxes), width, height),
               shown_at(page, max(b[2] for b in boxes), min(b[3] for b in boxes), width, height)]  # fmt: skip
    (x1, y1), (x2, y2) = corners
    if max(x1, x2) <= 0 or max(y1, y2) <= 0 or min(x1, x2) >= width or min(y1, y2) >= height:
        return None  # beside the page: printers' marks
    size = sorted(raw.FPDFText_GetFontSize(textpage.raw, i) for i in {first, (first + last) // 2, last})[-1]
    heights = sorted(abs(b[1] - b[3]) for b in boxes)
    size = round((heights[len(heights) // 2] if size <= 1 else _scaled(size, heights)) * 2) / 2
    bold = len(text) <= 120 and _is_bold(textpage, (first + last) // 2)
    return PageLine(text, size, min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2), bold)


def _scaled(size: float, heights: list[float]) -> float:
    """The font's size, or the box's height where the page scales the font."""
    middle = heights[len(heights) // 2]
    return size if 0.7 * size <= middle <= 1.8 * size else middle


def shown_at(page, x: float, y: float, width: float, height: float) -> tuple[float, float]:
    """A point of the page's own space in the page as it is shown: rotated, cropped, from the top left."""
    across, down = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(page.raw, 0, 0, _UNITS, _UNITS, 0, x, y, across, down)
    return across.value / _UNITS * width, down.value / _UNITS * height


def _is_bold(textpage, index: int) -> bool:
    if raw.FPDFText_GetFontWeight(textpage.raw, index) >= 600:
        return True
    name = ctypes.create_string_buffer(128)
    length = raw.FPDFText_GetFontInfo(textpage.raw, index, name, 128, ctypes.c_int())
    return 0 < length <= 128 and any(word in name.value for word in (b"Bold", b"Black", b"Heavy", b"bold", b"SimHei"))
