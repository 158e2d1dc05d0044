"""What the embedding model reads above a passage: the title, the headings, a table's header."""

from collections.abc import Sequence
from functools import lru_cache

from ingestion.measure import Tokenizer, count_tokens
from search.tokenize import encodable

LONGEST = 96  # tokens of the title with the headings, and again of a table's header; for small models a fifth ...
SHARE = 5  # ... of what they read
SEPARATOR = " > "
Table = Sequence[Sequence[str]]


def with_context(context: str, text: str) -> str:
    """What is embedded: the context on its own lines above the text."""
    return f"{context}\n{text}" if context else text


class Context:
    """The contexts of one document's passages, and what they leave of the model's window."""

    def __init__(self, title: str, tokenizer: Tokenizer, max_model_tokens: int, instruction: str = "") -> None:
        self.title = " ".join(title.split())
        self.tokenizer = tokenizer
        self.instruction = instruction
        self.longest = min(LONGEST, max_model_tokens // SHARE)
        self.max_model_tokens = max_model_tokens
        self._place = lru_cache(4096)(self._place)  # type: ignore[method-assign]
        self._tokens = lru_cache(4096)(self._tokens)  # type: ignore[method-assign]

    def of(self, heading_path: tuple[str, ...], table: Table | None = None) -> str:
        """The context of a passage; `table` where the passage begins below its header."""
        header = " | ".join(" ".join(str(cell or "").split()) for cell in table[0]) if table else ""
        return "\n".join(filter(None, [self._place(heading_path), self._shortened(header, self.longest)]))

    def budget(self, heading_path: tuple[str, ...], table: Table | None, limit: int) -> int:
        """The tokens of text that fit below this context."""
        return max(1, min(limit, self.max_model_tokens - self._above(self.of(heading_path, table))))

    def count(self, passages: Sequence[tuple[str, str]]) -> list[int]:
        """The tokens that the model will read of each (context, text), special ones and the instruction included."""
        texts = [self.instruction + with_context(context, text) for context, text in passages]
        return count_tokens(self.tokenizer, texts, special=True)

    def fits(self, context: str, tokens: int, limit: int) -> bool:
        """Whether a passage that counts so many tokens is within the model's window and the limit."""
        return tokens <= self.max_model_tokens and tokens - self._above(context) <= limit

    def _above(self, context: str) -> int:
        return self._tokens(f"{self.instruction}{context}\n" if context else self.instruction)

    def _tokens(self, text: str) -> int:
        return count_tokens(self.tokenizer, [text], special=True)[0]

    def _place(self, heading_path: tuple[str, ...]) -> str:
        headings = [" ".join(part.split()) for part in heading_path]
        parts = [part for part in (self.title, *headings[headings[:1] == [self.title] :]) if part]
        while len(parts) > 2 and self._length(SEPARATOR.join(parts)) > self.longest:
            del parts[1]  # the title and the nearest heading say most
        share = max(1, self.longest // max(1, len(parts)) - 1)
        if self._length(SEPARATOR.join(parts)) > self.longest:
            parts = [self._shortened(part, share) for part in parts]
        return SEPARATOR.join(parts)

    def _length(self, text: str) -> int:
        return count_tokens(self.tokenizer, [text])[0]

    def _shortened(self, text: str, tokens: int) -> str:
        """The beginning of the text that is so many tokens long, and in any case not absurdly many characters."""
        text = text[: tokens * 8]
        (encoding,) = self.tokenizer.encode_batch([encodable(text)], add_special_tokens=False)
        return text if len(encoding.ids) <= tokens else text[: encoding.offsets[tokens][0]].rstrip()
