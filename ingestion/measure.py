"""Know how many tokens any stretch of a text has, having tokenised it once."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Protocol

from search.tokenize import encodable

LONGEST_TOKEN = 32  # characters; a "token" that covers more is an unknown word, and could be anything once it is cut
LONGEST_GAP = 64  # characters between tokens (spaces, control characters) that cost nothing; every 8 more count as one


class Encoding(Protocol):
    """What a tokenizer makes of a text: token ids, and [start, end) offsets in characters for each."""

    @property
    def ids(self) -> Sequence[int]: ...

    @property
    def offsets(self) -> Sequence[tuple[int, int]]: ...


class Tokenizer(Protocol):
    """The part of `tokenizers.Tokenizer` that is needed; truncation and padding must be off."""

    def encode_batch(self, input: list[str], *, add_special_tokens: bool = True) -> Sequence[Encoding]: ...


def count_tokens(tokenizer: Tokenizer, texts: Sequence[str], *, special: bool = False) -> list[int]:
    """The tokens of each text, the special ones included if so asked."""
    encodings = tokenizer.encode_batch([encodable(text) for text in texts], add_special_tokens=special)
    return [len(encoding.ids) for encoding in encodings]


class Measure:
    """Counts tokens between two offsets of texts that stand one after another, joined by `join`.

    Exact but for words that a cut divides, and for what some tokenizers make of a text's first space.
    """

    def __init__(self, texts: Sequence[str], starts: Sequence[int], tokenizer: Tokenizer, join: str) -> None:
        self.starts: list[int] = []
        joined, alone = count_tokens(tokenizer, [f"a{join}a", "a"])
        encodings = tokenizer.encode_batch([encodable(text) for text in texts], add_special_tokens=False)
        for text, start, encoding in zip(texts, starts, encodings, strict=True):
            self.starts.extend(start + place for place in _places(encoding.offsets, len(text)))
            self.starts.extend([start + len(text)] * max(0, joined - 2 * alone))

    def tokens(self, start: int, end: int) -> int:
        """How many tokens begin in [start, end)."""
        return bisect_left(self.starts, end) - bisect_left(self.starts, start)

    def reach(self, start: int, end: int, tokens: int) -> int:
        """The furthest offset up to `end` that so many tokens from `start` reach; always beyond `start`."""
        first = bisect_left(self.starts, start)
        if first + tokens >= bisect_left(self.starts, end):
            return end
        place = self.starts[first + tokens]
        return place if place > start else self._next_place(first + tokens, end)

    def _next_place(self, index: int, end: int) -> int:
        """Several tokens can stand for one character, which no cut divides."""
        here = self.starts[index]
        return next((place for place in self.starts[index : index + 64] if place > here), min(here + 1, end))


def _places(offsets: Sequence[tuple[int, int]], length: int) -> Iterator[int]:
    """Where tokens begin, and where they could begin inside what one token or none stands for."""
    reached = 0
    for start, end in sorted(offsets):
        if start - reached > LONGEST_GAP:
            yield from range(reached + LONGEST_GAP, start, 8)
        if end - start > LONGEST_TOKEN:
            yield from range(max(start, reached), end)
        else:
            yield max(start, reached - 1) if start < reached - 1 else start
        reached = max(reached, end)
    if length - reached > LONGEST_GAP:
        yield from range(reached + LONGEST_GAP, length, 8)
