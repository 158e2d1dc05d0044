"""Let through, while an answer is being written, no number that cites nothing."""

import re

from search.chat.outside_code import OutsideCode, Taken
from search.chat.references import PAIRS, ROUND, Unknown, reference_at, spread

BLANK = re.compile(r"[ \t]*")
LOOSE = re.compile(r"[\d\s,;，、\-–\[\]【】［］]")
GROUP = re.compile(r"([ \t]*)[\[【［]\s*(\d{1,9}(?:\s*[,;，、\-–]\s*\d{1,9})*)\s*[\]】］]")


class CitationGate(OutsideCode):
    """Text goes in piece by piece as the model writes it, and comes out with only those [n] that cite a passage.

    Other ways of naming a passage come out as [n], too; brackets wait until they are closed.
    """

    plain = re.compile(r"[^`~\[【［(（\n \t]+")

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def _next(self, is_end: bool) -> Taken:
        blank = BLANK.match(self._held).end()  # type: ignore[union-attr]
        if blank == len(self._held) and blank:
            return (self._held, blank) if is_end else ("", 0)
        if self._held[blank] in PAIRS:
            return self._brackets(blank, is_end)
        return (self._held[:blank], blank) if blank else super()._next(is_end)

    def _brackets(self, blank: int, is_end: bool) -> Taken:
        """Brackets and numbers that follow one another, as one: leaving one out must not make another."""
        try:
            text, end = self._run(blank, is_end)
        except Unknown:
            return "", 0
        if end == blank:
            return self._held[: blank + 1], blank + 1
        before, following = "", self._held[end : end + 1]
        is_label = following in ("(", ":")
        while before != text:
            before, text = text, GROUP.sub(lambda m: self._kept(m, is_label and m.end() == len(m.string)), text)
        gap = self._held[:blank] if text.strip() else ""
        if not text and self._line[-1:] in ("`", "~") and following in ("`", "~"):
            gap = " "  # or what stands before and after would be one
        return gap + (text.lstrip(" \t") if gap else text), end

    def _run(self, at: int, is_end: bool) -> tuple[str, int]:
        """As far as they reach, each reference as [n, m]. Raises Unknown where that is not known yet."""
        text = ""
        while at < len(self._held):
            sign = self._held[at]
            found = reference_at(self._held, at, is_end) if sign in PAIRS else None
            if found:
                text += f"[{','.join(map(str, found.numbers or (0,)))}]"
                at = found.end
            elif LOOSE.match(sign) and sign not in ROUND:
                text, at = text + sign, at + 1
            else:
                return text, at
        if not is_end:
            raise Unknown
        return text, at

    def _kept(self, match: re.Match, is_label: bool) -> str:
        """With the blanks before it, if anything of it is."""
        numbers = spread(match[2])
        kept = [f"[{number}]" for number in numbers if 1 <= number <= self.count]
        if is_label and len(kept) == len(numbers) == 1:
            return match.group()
        return match[1] + "".join(kept) if kept else ""
