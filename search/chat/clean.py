"""Make what a model's server sends into text that every database, page and socket takes."""

import re

HALF = re.compile("[\ud800-\udbff]$")  # the first half of a character that takes two in UTF-16


class Joined:
    """Pieces of a text, cleaned one by one: half of a character waits for its other half in the next piece."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, text: str) -> str:
        """What can be shown now."""
        text = self._half + text.replace("\0", "")
        half = HALF.search(text)
        self._half = half.group() if half else ""
        return clean(text[: half.start()] if half else text)

    def finish(self) -> str:
        """What stands for a half that was left alone."""
        half, self._half = self._half, ""
        return clean(half)


def clean(text: str) -> str:
    """Without NUL, which PostgreSQL refuses; halves of characters joined, or U+FFFD where one is alone."""
    text = text.replace("\0", "")
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
