"""Make text safe to store and honest to read: no control, invisible or reordering characters."""

import re
import unicodedata

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)?|\x1b.?")
_LINE_ENDS = re.compile(r"\r\n?|\u0085|\u2028|\x0b|\x0c")
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e0fff\ud800-\udfff]"
)
_JOINERS = re.compile(
    "(?<=[\\w-])[\u200c\u200d]+(?=[A-Za-z0-9-])"
)  # they belong into emoji and into Indic and Persian words
_MARK = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]"
_MARKS = re.compile(f"({_MARK}{{4}}){_MARK}+")


def clean(text: str) -> str:
    """Composed (NFC) text with '\\n' line ends.

    Gone: NUL (PostgreSQL refuses it), terminal escapes, lone surrogates, zero-width, bidirectional and tag characters
    (they hide instructions and split words), and all but four combining marks on a letter.
    """
    if text.isascii() and text.isprintable():
        return text
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    text = _JOINERS.sub("", text)
    text = _UNWANTED.sub("", _LINE_ENDS.sub("\n", text).replace("\u2029", "\n\n"))
    return unicodedata.normalize("NFC", _MARKS.sub(r"\1", text))


def one_line(text: str) -> str:
    """The text cleaned, its white space made single spaces."""
    return " ".join(clean(text).split())
