"""Let through of what a model writes what a reader shall see: no thinking, and no number that cites nothing."""

from search.chat.citing import CitationGate
from search.chat.thinking import TURN, ThinkingGate


class AnswerGate:
    """Text goes in piece by piece, and comes out the same wherever the pieces' borders are; nothing is taken back.

    `begins` is where in all that has come out the answer begins: at 0, unless it turned out late that the model had
    been thinking until there.
    """

    def __init__(self, count: int) -> None:
        self.count, self.begins = count, 0
        self._length = 0
        self._thinking, self._citing = ThinkingGate(), CitationGate(count)

    def feed(self, text: str) -> str:
        """What can be shown now."""
        return self._through(self._thinking.feed(text.replace(TURN, "")))

    def finish(self) -> str:
        """The rest."""
        return self._through(self._thinking.finish()) + self._counted(self._citing.finish())

    def _through(self, text: str) -> str:
        *thoughts, rest = text.split(TURN)
        out = ""
        for thought in thoughts:
            out += self._counted(self._citing.feed(thought) + self._citing.finish())
            self.begins, self._citing = self._length, CitationGate(self.count)
        return out + self._counted(self._citing.feed(rest))

    def _counted(self, text: str) -> str:
        self._length += len(text)
        return text
