"""Pass on what a model writes piece by piece: code as it is, the rest as a subclass has it."""

import re

TICKS = re.compile(r"`+|~+")
MAY_CLOSE = re.compile(r"[ \t]*[`~]*[ \t]*")
Taken = tuple[str, int]  # what comes out next, and how much of what is held that was; ("", 0): more must be known


class OutsideCode:
    """What comes out is never taken back, and is the same wherever the pieces' borders are.

    What may become code waits until it is; what code is, is said by search.cite. A subclass names in `plain` what
    passes unseen (no line end, no mark of code in it), and says in `_other` what becomes of what stands behind that.
    """

    plain = re.compile(r"[^`~\n]+")

    def __init__(self) -> None:
        self._held, self._fence = "", ""
        self._line = ""  # what has come out of the line at hand

    def feed(self, text: str) -> str:
        """What can be shown now."""
        self._held += text
        return self._let_through(is_end=False)

    def finish(self) -> str:
        """The rest; what was never closed stays as it is written."""
        return self._let_through(is_end=True)

    def _let_through(self, is_end: bool) -> str:
        out = []
        while self._held:
            text, taken = self._in_fence(is_end) if self._fence else self._next(is_end)
            if not taken:
                break
            self._held = self._held[taken:]
            self._line = (self._line + text).rpartition("\n")[2]
            out.append(text)
        return "".join(out)

    def _next(self, is_end: bool) -> Taken:
        if plain := self.plain.match(self._held):
            return plain.group(), plain.end()
        if self._held[0] in "`~":
            return self._ticks(is_end)
        return ("\n", 1) if self._held[0] == "\n" else self._other(is_end)

    def _other(self, is_end: bool) -> Taken:
        return self._held[0], 1

    def _ticks(self, is_end: bool) -> Taken:
        """The first line of a block of code, code in a line, or marks that are neither."""
        ticks = TICKS.match(self._held).group()  # type: ignore[union-attr]
        line_end = self._held.find("\n")
        is_whole = line_end >= 0 or is_end
        if len(ticks) == len(self._held) and not is_end:
            return "", 0
        if len(ticks) >= 3 and not self._line.strip(" \t"):
            if line_end >= 0:
                self._fence = ticks
                return self._held[: line_end + 1], line_end + 1
            if not is_end:
                return "", 0
        return _code_in(self._held if line_end < 0 else self._held[:line_end], ticks, is_whole)

    def _in_fence(self, is_end: bool) -> Taken:
        """Code comes out as it is, up to the line that closes it."""
        line, end, _ = self._held.partition("\n")
        whole = self._line + line
        if not end and not is_end and MAY_CLOSE.fullmatch(whole):
            return "", 0
        if (end or is_end) and re.fullmatch(rf"[ \t]*{self._fence}[`~]*[ \t]*", whole):
            self._fence = ""
        return line + end, len(line + end)


def _code_in(line: str, ticks: str, is_whole: bool) -> Taken:
    """Code up to the same ticks again; in a whole line that has no such, up to fewer."""
    if ticks[0] == "~":
        return ticks, len(ticks)
    for fewer in range(len(ticks), 0 if is_whole else len(ticks) - 1, -1):
        close = line.find(ticks[:fewer], fewer)
        if close >= 0:
            return line[: close + fewer], close + fewer
    return ("`", 1) if is_whole else ("", 0)
