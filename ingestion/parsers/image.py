"""Pictures: their text, by OCR."""

from PIL import Image, ImageOps, UnidentifiedImageError

from ingestion.errors import IngestionError
from ingestion.parsers import Draft, Source, ocr
from ingestion.parsers.layout import Outline, Page, blocks_of
from ingestion.sentence import Sentence
from ingestion.sentence import sentence as _

_MOST_PIXELS = 60_000_000
_MOST_FRAMES = 500
_EDGE = 4500  # pixels: larger pictures are made smaller before they are read


def parse_image(source: Source) -> Draft:
    languages = ocr.languages(source.ocr_languages)
    if not languages:
        raise IngestionError(_("This is a picture; text in pictures can be read once Tesseract is installed."))
    pages: list[Page] = []
    notes: list[Sentence] = []
    with open_picture(source) as picture:
        count = min(getattr(picture, "n_frames", 1) if picture.format == "TIFF" else 1, _MOST_FRAMES)
        for number in range(1, count + 1):
            if ocr.is_late(source.deadline):
                notes.append(
                    _("Only the first {count} pages were read: the rest would have taken too long.", count=number - 1)
                )
                break
            page, guessed = _page(picture, number, languages, source.deadline)
            pages.append(page)
            if guessed:
                notes.append(ocr.unread(_("Page {number}", number=number), languages))
            source.progress(number, count)
    if any(page.lines for page in pages):
        notes.insert(0, _("The text was recognised in a picture and may contain errors."))
    return Draft(blocks_of(pages, Outline()), pages=count, notes=notes)


def open_picture(source: Source) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = None  # we look ourselves, before anything is unpacked
    try:
        picture = Image.open(source.path)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise IngestionError(_("This picture is damaged and cannot be opened.")) from None
    if picture.width * picture.height > _MOST_PIXELS:
        raise IngestionError(
            _("This picture is too large: {width} by {height} pixels. Make it smaller and upload it again.",
              width=picture.width, height=picture.height)
        )  # fmt: skip
    return picture


def _page(picture: Image.Image, number: int, languages: str, deadline: float) -> tuple[Page, bool]:
    """The page, and whether what is written there could only be guessed."""
    try:
        if number > 1:
            picture.seek(number - 1)
        frame = ImageOps.exif_transpose(_flat(picture))
    except (OSError, EOFError, SyntaxError, ValueError):
        raise IngestionError(_("This picture is damaged: it is cut off or broken.")) from None
    frame.thumbnail((_EDGE, _EDGE))
    if frame.width < 1000:  # Tesseract wants letters of 20 pixels and more
        frame = frame.resize((frame.width * 2, frame.height * 2), Image.Resampling.LANCZOS)
    width, height = float(frame.width), float(frame.height)
    reading = ocr.read(frame, languages, width, height, deadline)
    return Page(number, width, height, reading.lines), reading.guessed


def _flat(picture: Image.Image) -> Image.Image:
    """Grey on white, whatever was transparent."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("L")
    return picture.convert("L")
