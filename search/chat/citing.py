"""Let through, while an answer is being written, no number that cites nothing."""

import re

PLAIN = re.compile(r"[^`~\[【［\n \t]+")
TICKS = re.compile(r"`+|~+")
BLANK = re.compile(r"[ \t]*")
RUN = re.compile(r"[\[【［][\d\s,;，、\-–\[\]【】［］]*")
GROUP = re.compile(r"[\[【［]\s*(\d{1,9}(?:\s*[,;，、\-–]\s*\d{1,9})*)\s*[\]】］]")
RANGE = re.compile(r"(\d+)\s*[-–]\s*(\d+)")
WIDEST_RANGE = 20
MAY_CLOSE = re.compile(r"[ \t]*[`~]*[ \t]*")


class CitationGate:
    """Text goes in piece by piece as the model writes it, and comes out with only those [n] that cite a passage.

    What comes out is never taken back, and is the same wherever the pieces' borders are: brackets wait until they are
    closed, what may become code until it is. What code is, is said by search.cite.
    """

    def __init__(self, count: int) -> None:
        self.count = count
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

    def _next(self, is_end: bool) -> tuple[str, int]:
        """What comes out next, and how much of what is held that was; nothing of it where more must be known."""
        if plain := PLAIN.match(self._held):
            return plain.group(), plain.end()
        blank = BLANK.match(self._held).end()  # type: ignore[union-attr]
        if blank == len(self._held):
            return self._held if is_end else "", blank if is_end else 0
        if self._held[blank] in "[【［":
            return self._brackets(blank, is_end)
        if blank:
            return self._held[:blank], blank
        return self._ticks(is_end) if self._held[0] in "`~" else ("\n", 1)

    def _brackets(self, blank: int, is_end: bool) -> tuple[str, int]:
        """Brackets and numbers that follow one another, as one: leaving one out must not make another."""
        run = RUN.match(self._held, blank)
        if run is None or (run.end() == len(self._held) and not is_end):
            return "", 0
        text, before = run.group(), ""
        is_label = self._held[run.end() : run.end() + 1] in ("(", ":")
        while before != text:
            before, text = text, GROUP.sub(lambda m: self._kept(m, is_label and m.end() == len(m.string)), text)
        gap = self._held[:blank] if text.strip() else ""
        if not text and (gap or self._line)[-1:] in ("`", "~"):
            gap = " "  # or what stands before and after would be one
        return gap + text, run.end()

    def _kept(self, match: re.Match, is_label: bool) -> str:
        spread = RANGE.sub(_spread, match[1])
        numbers = dict.fromkeys(int(number) for number in re.findall(r"\d+", spread))
        kept = [f"[{number}]" for number in numbers if 1 <= number <= self.count]
        return match.group() if is_label and len(kept) == len(numbers) == 1 else "".join(kept)

    def _ticks(self, is_end: bool) -> tuple[str, int]:
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

    def _in_fence(self, is_end: bool) -> tuple[str, int]:
        """Code comes out as it is, up to the line that closes it."""
        line, end, _ = self._held.partition("\n")
        whole = self._line + line
        if not end and not is_end and MAY_CLOSE.fullmatch(whole):
            return "", 0
        if (end or is_end) and re.fullmatch(rf"[ \t]*{self._fence}[`~]*[ \t]*", whole):
            self._fence = ""
        return line + end, len(line + end)


def _code_in(line: str, ticks: str, is_whole: bool) -> tuple[str, int]:
    """Code up to the same ticks again; in a whole line that has no such, up to fewer."""
    if ticks[0] == "~":
        return ticks, len(ticks)
    for fewer in range(len(ticks), 0 if is_whole else len(ticks) - 1, -1):
        close = line.find(ticks[:fewer], fewer)
        if close >= 0:
            return line[: close + fewer], close + fewer
    return ("`", 1) if is_whole else ("", 0)


def _spread(match: re.Match) -> str:
    first, last = int(match[1]), int(match[2])
    return ",".join(map(str, range(first, last + 1))) if 0 < last - first < WIDEST_RANGE else f"{first},{last}"
