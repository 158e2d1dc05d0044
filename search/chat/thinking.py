"""Keep back what a reasoning model writes to itself: <think> ... </think>, up to the end where nothing closes it."""

import re

from search.chat.outside_code import OutsideCode, Taken

OPENING = re.compile(r"(?i:<\s?(think|thinking|thought)\s?>)|\[(THINK)\]")
LONE_CLOSING = re.compile(r"(?i:<\s?/\s?(?:think|thinking|thought)\s?>)|\[/THINK\]")
TAGS = "<think> </think> <thinking> </thinking> <thought> </thought> [think] [/think]".split()
LONGEST_TAG = 14  # characters, with its blanks
BLANK = re.compile(r"\s*")
TURN = "\0"  # no text has it: what stood before was written to itself, too


class ThinkingGate(OutsideCode):
    """Text goes in as the model writes it and comes out without its thinking, blanks before the answer with it.

    Some servers leave out the opening tag. Where a closing one stands alone, TURN comes out in its place.
    """

    plain = re.compile(r"[^`~<\[\n \t]+")

    def __init__(self) -> None:
        super().__init__()
        self._closing: re.Pattern | None = None
        self._has_begun = False  # whether anything but blanks has come out
        self._was_thinking = False

    def _next(self, is_end: bool) -> Taken:
        if self._closing:
            return self._thinking(self._closing)
        blank = BLANK.match(self._held).end()  # type: ignore[union-attr]
        if blank and self._was_thinking and not self._has_begun:
            return "", blank
        text, taken = (self._held[0], 1) if blank else super()._next(is_end)
        self._has_begun = self._has_begun or bool(text.strip(TURN).strip())
        return text, taken

    def _other(self, is_end: bool) -> Taken:
        if opening := OPENING.match(self._held):
            self._closing, self._was_thinking = _closing_of(opening), True
            return "", opening.end()
        if closing := LONE_CLOSING.match(self._held):
            self._has_begun, self._was_thinking = False, True
            return TURN, closing.end()
        may_be_one = len(self._held) < LONGEST_TAG and _is_begun(self._held)
        return ("", 0) if may_be_one and not is_end else (self._held[0], 1)

    def _thinking(self, closing: re.Pattern) -> Taken:
        """Nothing comes out; what may be the beginning of its end is held."""
        if end := closing.search(self._held):
            self._closing = None
            return "", end.end()
        return "", max(0, len(self._held) - LONGEST_TAG)


def _closing_of(opening: re.Match) -> re.Pattern:
    return re.compile(r"\[/THINK\]" if opening[2] else rf"(?i:<\s?/\s?{opening[1]}\s?>)")


def _is_begun(text: str) -> bool:
    bare = re.sub(r"\s", "", text).lower()
    return any(tag.startswith(bare) for tag in TAGS)
