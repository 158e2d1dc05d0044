"""Text in pictures, by Tesseract where it is installed."""

import csv
import functools
import io
import shutil
import subprocess
import time
from dataclasses import dataclass, replace
from statistics import median

from PIL import Image

from ingestion.clean import one_line
from ingestion.parsers.columns import PageLine
from ingestion.parsers.layout import CJK
from ingestion.sentence import Sentence
from ingestion.sentence import sentence as _

_SURE = 25  # of 100: a line that Tesseract is less sure of is a stain, a drawing, a frame
_UNSURE = 80  # of 100, over a page: worth a second reading
_GUESSED = 50  # of 100, over a page: Japanese read as Chinese comes to 17-32, poor but right readings to 70 and more
_LONGEST = 60  # seconds for a page


@functools.cache
def languages(wanted: str) -> str:
    """Those of the wanted languages that are installed, "chi_sim+eng"; empty without Tesseract."""
    if not shutil.which("tesseract"):
        return ""
    listing = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, check=False, timeout=20)
    installed = set(listing.stdout.split("\n")[1:])
    return "+".join(name for name in wanted.split("+") if name in installed)


def is_late(deadline: float) -> bool:
    return time.monotonic() > deadline


@dataclass(frozen=True)
class Reading:
    """The lines of a picture. `guessed`: Tesseract saw letters but could not read them, and there are no lines."""

    lines: list[PageLine]
    guessed: bool = False


def unread(pages: Sentence, languages: str) -> Sentence:
    return _(
        "{pages}: nothing that makes sense could be recognised. If there is text, Tesseract may lack its language; "
        "here it knows {languages}.",
        pages=pages,
        languages=languages.replace("+", ", "),
    )


def read(picture: Image.Image, languages: str, width: float, height: float, deadline: float) -> Reading:
    """The lines in a picture, as lines of a page of `width` by `height` points. None where the time ran out.

    Tesseract's own analysis of the page now and then takes wide-set Chinese for columns and is unsure of every line:
    then the page is read once more as a single block, and the surer reading counts.
    """
    out = io.BytesIO()
    picture.convert("L").save(out, "PNG", compress_level=1)
    lines = _recognised(out.getvalue(), languages, "3", deadline)
    if lines and _sureness(lines) < _UNSURE and not is_late(deadline):
        lines = max(lines, _recognised(out.getvalue(), languages, "6", deadline), key=_sureness)
    if lines and _sureness(lines) < _GUESSED:
        return Reading([], guessed=True)
    scale = (width / picture.width, height / picture.height)
    return Reading(_of_one_size([_line(words, scale) for words in lines if _sureness([words]) >= _SURE]))


def _recognised(png: bytes, languages: str, segmentation: str, deadline: float) -> list[list[dict]]:
    """The words of each line, as rows of Tesseract's table."""
    command = ["tesseract", "stdin", "stdout", "-l", languages, "--psm", segmentation, "tsv"]
    left = max(1.0, min(_LONGEST, deadline - time.monotonic()))
    try:
        run = subprocess.run(command, input=png, capture_output=True, check=False, timeout=left)
    except subprocess.TimeoutExpired:
        return []
    table = io.StringIO(run.stdout.decode("utf-8", "replace"))
    lines: dict[tuple, list[dict]] = {}
    for word in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
        if word.get("level") == "5" and (word["text"] or "").strip():
            lines.setdefault((word["block_num"], word["par_num"], word["line_num"]), []).append(word)
    return list(lines.values())


def _sureness(lines: list[list[dict]]) -> float:
    """0 to 100: the mean of the words' confidence, by their length."""
    words = [word for line in lines for word in line]
    return sum(float(w["conf"]) * len(w["text"]) for w in words) / max(1, sum(len(w["text"]) for w in words))


def _of_one_size(lines: list[PageLine]) -> list[PageLine]:
    """A line's height depends on its letters: only the page's usual one says something of the type's size."""
    size = median(line.bottom - line.top for line in lines) * 0.9 if lines else 0.0
    return [replace(line, size=size) for line in lines]


def _line(words: list[dict], scale: tuple[float, float]) -> PageLine:
    boxes = [tuple(int(word[edge]) for edge in ("left", "top", "width", "height")) for word in words]
    left, top = min(b[0] for b in boxes), min(b[1] for b in boxes)
    right, bottom = max(b[0] + b[2] for b in boxes), max(b[1] + b[3] for b in boxes)
    across, down = scale
    text = one_line(_joined([word["text"] for word in words]))
    return PageLine(text, 0.0, left * across, top * down, right * across, bottom * down)


def _joined(words: list[str]) -> str:
    """Words with spaces between them; Tesseract takes each Chinese character for a word."""
    text = ""
    for word in words:
        text += word if not text or (CJK.match(text[-1]) and CJK.match(word)) else f" {word}"
    return text
