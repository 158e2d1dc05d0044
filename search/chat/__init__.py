"""Ask a language model: what it is told, what comes back, and what can go wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

Turn = Mapping[str, str]  # {"role": ..., "content": ...}, as OpenAI's chat completions take it


@dataclass(frozen=True)
class ChatSettings:
    """How a model is reached: the values of a search.models.ChatModel."""

    url: str
    model: str
    api_key: str = ""
    answer_tokens: int = 1024
    temperature: float = 0.2
    price_in: Decimal | None = None  # of a million tokens read, and written
    price_out: Decimal | None = None


@dataclass(frozen=True)
class Request:
    """What a model is asked: the conversation so far, and how much it may write."""

    settings: ChatSettings
    turns: tuple[Turn, ...]
    stop: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Piece:
    """Some text of an answer; or, at its end, what it cost in tokens (`usage`) and why it ended.

    `ending` is "stop" where the model had said all, "length" where it ran out of tokens; empty before the end.
    """

    text: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    ending: str = ""


class ChatError(Exception):
    """The model cannot answer. `kind` is "away", "slow", "busy", "refused", "broken" or "cut"."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
