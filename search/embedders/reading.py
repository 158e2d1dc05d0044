"""How many tokens of a text a model server really read, which it does not always say."""

from collections.abc import Callable

from search.embedders import EmbeddingError, EmbeddingSettings
from search.tokenize import EstimatingTokenizer, tokenizer_of

LONGER = 400  # characters
Asked = Callable[[str], int | None]  # embeds a text; the tokens that the server says to have read


class Reading:
    """Compares what a server counts with what the texts have.

    With the model's own tokenizer at hand every token is accounted for. Where it is not, or where the server's differs
    from it, a text is known to be cut only when the server read fewer tokens than the text has words.
    """

    def __init__(self, settings: EmbeddingSettings) -> None:
        self.tokenizer = tokenizer_of(settings)
        self.reach = settings.max_tokens
        self.is_exact = not isinstance(self.tokenizer, EstimatingTokenizer)

    def counted(self, text: str) -> int:
        """The text's tokens, special ones included, at most as many as the model reads."""
        return min(self._tokens(text, special=True), self.reach)

    def of(self, texts: list[str], reported: int | None, ask: Asked) -> list[int]:
        """Tokens read of each text, of which the server says that together they were `reported`.

        Where that falls short, each text is asked for by itself. Raises EmbeddingError.
        """
        if reported is None or reported >= sum(self._least(text) for text in texts):
            return [self.counted(text) for text in texts]
        return [self._of_one(text, reported if len(texts) == 1 else ask(text), ask) for text in texts]

    def _of_one(self, text: str, reported: int | None, ask: Asked) -> int:
        if reported is None or reported >= self._least(text):
            return self.counted(text)
        if self._counts_more(text, reported, ask):  # so it had read to the end, and its tokenizer differs from ours
            self.is_exact = False
            return self.counted(text)
        return reported

    def _counts_more(self, text: str, reported: int, ask: Asked) -> bool:
        try:
            longer = ask(f"{text} {text[-LONGER:]}")
        except EmbeddingError as error:
            if not error.refuses_text:
                raise
            return True  # a server that refuses long texts does not cut them
        return longer is None or longer > reported

    def _least(self, text: str) -> int:
        """The fewest tokens that a server can count which reads the whole text; some leave out the special ones."""
        special = self._tokens("", special=True)
        tokens = self._tokens(text, special=False) if self.is_exact else fewest(text)
        return min(tokens, self.reach - special)

    def _tokens(self, text: str, *, special: bool) -> int:
        return len(self.tokenizer.encode_batch([text], add_special_tokens=special)[0].ids)


def fewest(text: str) -> int:
    """As few tokens as any tokenizer makes of it: one a word, one for four characters written without spaces."""
    spaced = sum(1 for word in text.split() if word.isascii())
    return spaced + sum(len(word) for word in text.split() if not word.isascii()) // 4
