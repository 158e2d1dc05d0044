"""What can go wrong on the way of a file, as a sentence for people."""


class IngestionError(Exception):
    """A document cannot go on. `message` is shown to people; `retry` says whether another attempt could help."""

    def __init__(self, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.retry = retry
