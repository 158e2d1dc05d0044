"""What can go wrong on the way of a file, as a sentence for people."""

from ingestion.sentence import Sentence


class IngestionError(Exception):
    """A document cannot go on. `message` is shown to people; `retry` says whether another attempt could help."""

    def __init__(self, said: Sentence | str, *, retry: bool = False) -> None:
        super().__init__(said)
        self.sentence = said if isinstance(said, Sentence) else Sentence(said)
        self.retry = retry

    @property
    def message(self) -> str:
        """The sentence in the language that is active."""
        return str(self.sentence)

    def __str__(self) -> str:
        return self.message
