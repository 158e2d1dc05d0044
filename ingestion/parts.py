"""Cut the text of a whole document into as few parts as an embedding model can read, at the borders of its sections."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from ingestion.chunk import JOIN
from ingestion.cut import within
from ingestion.measure import Measure, Tokenizer, count_tokens

AT_ONCE = 256  # sections tokenised at the same time
SPARE = 16  # tokens: what stands beside a border may be tokenised otherwise than in the middle of a text


@dataclass(frozen=True)
class Part:
    """A stretch of a document that is read in one go; `tokens` are those of `text`, special ones included."""

    text: str
    tokens: int


@dataclass(frozen=True)
class _Piece:
    text: str
    tokens: int


def parts_of(texts: Sequence[str], tokenizer: Tokenizer, *, reach: int, instruction: str = "") -> list[Part]:
    """The texts, joined, in parts that the model reads whole: `reach` tokens, instruction and special ones included.

    Parts are about equally long: a document a little longer than the model reads becomes two halves, and not a whole
    and a scrap. A section that is longer than a part is cut where a passage would be. Nothing but white space between
    two parts is left out.
    """
    special, asked = *count_tokens(tokenizer, [""], special=True), *count_tokens(tokenizer, [instruction])
    limit = max(SPARE, reach - special - asked - SPARE)
    joined = [JOIN.join(group) for group in _packed(list(_pieces(texts, tokenizer, limit)), limit)]
    return [Part(text, tokens) for text, tokens in zip(joined, _counted(joined, tokenizer), strict=True)]


def _pieces(texts: Sequence[str], tokenizer: Tokenizer, limit: int) -> Iterator[_Piece]:
    """The sections with their tokens, those that are too long in several pieces."""
    gap = _gap(tokenizer)
    for start in range(0, len(texts), AT_ONCE):
        some = [text for text in texts[start : start + AT_ONCE] if text.strip()]
        for text, tokens in zip(some, count_tokens(tokenizer, some), strict=True):
            if tokens + gap <= limit:
                yield _Piece(text, tokens + gap)
            else:
                yield from _divided(text, tokenizer, limit - gap, gap)


def _gap(tokenizer: Tokenizer) -> int:
    joined, alone = count_tokens(tokenizer, [f"a{JOIN}a", "a"])
    return max(0, joined - 2 * alone)


def _divided(text: str, tokenizer: Tokenizer, budget: int, gap: int) -> Iterator[_Piece]:
    measure = Measure([text], [0], tokenizer, JOIN)
    for start, end in within(text, (0, len(text)), measure, max(1, budget)):
        yield _Piece(text[start:end], measure.tokens(start, end) + gap)


def _packed(pieces: Sequence[_Piece], limit: int) -> Iterator[list[str]]:
    """The pieces in their order; a group ends where it has its share, and before it would be too long."""
    total = sum(piece.tokens for piece in pieces)
    share = ceil(total / max(1, ceil(total / limit)))
    group: list[str] = []
    tokens = 0
    for piece in pieces:
        if group and (tokens + piece.tokens > limit or tokens >= share):
            yield group
            group, tokens = [], 0
        group.append(piece.text)
        tokens += piece.tokens
    if group:
        yield group


def _counted(texts: Sequence[str], tokenizer: Tokenizer) -> Iterator[int]:
    """One text at a time: each may be as long as a model reads."""
    for text in texts:
        yield from count_tokens(tokenizer, [text], special=True)
