"""Let through, while an answer is being written, no number that cites nothing."""

import re

OPEN = re.compile(r"\[[\d\s,;，、\-–]*$|【[\d\s,;，、]*$|`+$")
LONGEST_OPEN = 40  # characters; no citation is longer, so that a bracket that never closes holds nothing back
GROUP = re.compile(r"[\[【]\s*(\d{1,9}(?:\s*[,;，、\-–]\s*\d{1,9})*)\s*[\]】](?![(:])")
RANGE = re.compile(r"(\d+)\s*[-–]\s*(\d+)")


class CitationGate:
    """Text goes in piece by piece as the model writes it, and comes out with only those [n] that cite a passage.

    What comes out is never taken back: a bracket that may become a citation waits until it is closed.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._held = ""
        self._in_code = False

    def feed(self, text: str) -> str:
        """What can be shown now."""
        self._held += text
        cut = self._safe_end()
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._clean(ready)

    def finish(self) -> str:
        """The rest; a bracket that was never closed stays as it is written."""
        ready, self._held = self._held, ""
        return self._clean(ready)

    def _safe_end(self) -> int:
        """Up to here the text cannot change any more: before a bracket that is still open, or one just closed."""
        tail = self._held[-LONGEST_OPEN:]
        found = OPEN.search(tail) or re.search(r"[\[【][\d\s,;，、\-–]*[\]】]$", tail)
        return len(self._held) - (len(tail) - found.start()) if found else len(self._held)

    def _clean(self, text: str) -> str:
        """Outside of code, whose fences are counted over all that went through."""
        parts = re.split(r"(```)", text)
        out = []
        for part in parts:
            if part == "```":
                self._in_code = not self._in_code
                out.append(part)
            else:
                out.append(part if self._in_code else GROUP.sub(self._kept, part))
        return "".join(out)

    def _kept(self, match: re.Match) -> str:
        spread = RANGE.sub(_spread, match[1])
        numbers = dict.fromkeys(int(number) for number in re.findall(r"\d+", spread))
        return "".join(f"[{number}]" for number in numbers if 1 <= number <= self.count)


def _spread(match: re.Match) -> str:
    first, last = int(match[1]), int(match[2])
    return ",".join(map(str, range(first, last + 1))) if 0 < last - first < 20 else f"{first},{last}"
