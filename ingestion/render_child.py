"""The child process that draws pages: `python -m ingestion.render_child PARENT LIMITS... REQUEST`, fenced in."""

import json
import sys
from pathlib import Path

from ingestion.fence import fence

_MOST_PIXELS = 40_000_000
_TALLEST = 5  # times the width: longer pages are drawn to here
_QUALITY = 80


def main(arguments: list[str]) -> int:
    parent, seconds, memory_mb, file_mb = map(int, arguments[:4])
    fence(parent=parent, memory_mb=memory_mb, cpu_seconds=seconds, file_mb=file_mb)
    request = json.loads(arguments[4])
    path, folder = Path(request["path"]), Path(request["folder"])
    with path.open("rb") as file:
        is_pdf = b"%PDF-" in file.read(1024)
    draw = _draw_pdf if is_pdf else _draw_picture
    draw(path, folder, request["numbers"], request["width"])
    return 0


def _draw_pdf(path: Path, folder: Path, numbers: list[int], width: int) -> None:
    import pypdfium2 as pdfium

    document = pdfium.PdfDocument(path)
    document.init_forms()  # what people filled in is shown too
    if not numbers:
        count = min(len(document), 20_000)
        _write_sizes(folder, [document.get_page_size(index) for index in range(count)])
    for number in numbers:
        if number <= len(document):
            page = document[number - 1]
            across, down = page.get_size()
            scale = min(width / max(across, 1), width * _TALLEST / max(down, 1))
            _save(page.render(scale=scale).to_pil(), folder, number, width)
            page.close()


def _draw_picture(path: Path, folder: Path, numbers: list[int], width: int) -> None:
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # we look ourselves, before anything is unpacked
    with Image.open(path) as picture:
        count = getattr(picture, "n_frames", 1) if picture.format == "TIFF" else 1
        if picture.width * picture.height > _MOST_PIXELS:
            raise ValueError("too many pixels")
        if not numbers:
            _write_sizes(folder, [ImageOps.exif_transpose(picture).size] * count)
        for number in numbers:
            if number <= count:
                picture.seek(number - 1)
                shown = ImageOps.exif_transpose(picture).convert("RGBA")
                shown.thumbnail((width, width * _TALLEST))
                page = Image.new("RGB", shown.size, "white")
                page.paste(shown, mask=shown)
                _save(page, folder, number, width)


def _write_sizes(folder: Path, sizes: list) -> None:
    rounded = [[max(1, round(width)), max(1, round(height))] for width, height in sizes]
    (folder / "sizes.json").write_text(json.dumps(rounded), encoding="ascii")


def _save(picture, folder: Path, number: int, width: int) -> None:
    picture.convert("RGB").save(folder / f"{number}-{width}.webp", "WEBP", quality=_QUALITY, method=2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
