"""What the messages of a chat ask: the last question, the exchanges before it, the program's own instructions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _
from pydantic import StrictStr

from search.openai_api.errors import OpenAIError
from search.openai_api.route import Body
from search.retrieve import MOST_CHARACTERS
from search.writing import REMEMBERED

LONGEST_INSTRUCTIONS = 4000  # characters


class TextPart(Body):
    """A piece of a message; only text can be read."""

    type: Literal["text"]
    text: StrictStr


class ChatMessage(Body):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: StrictStr | list[TextPart] | None = None

    @property
    def text(self) -> str:
        """Its parts as one."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content).strip()
        return (self.content or "").strip()


@dataclass(frozen=True)
class Question:
    """`history` holds (question, answer) pairs, the latest last."""

    text: str
    history: tuple[tuple[str, str], ...] = ()
    instructions: str = ""


def question_of(messages: Sequence[ChatMessage]) -> Question:
    """Raises OpenAIError where nothing is asked."""
    places = [place for place, one in enumerate(messages) if one.role == "user" and one.text]
    if not places:
        said = _("messages: there is no question; the last message of the role “user” is the one that is answered.")
        raise OpenAIError(400, said, param="messages", code="invalid_value")
    text = messages[places[-1]].text
    if len(text) > MOST_CHARACTERS:
        said = _("messages: the question has more than %(n)d characters.") % {"n": MOST_CHARACTERS}
        raise OpenAIError(400, said, param="messages", code="context_length_exceeded")
    return Question(text, _pairs(messages[: places[-1]]), _instructions(messages))


def _pairs(messages: Sequence[ChatMessage]) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for one in messages:
        if one.role == "user" and one.text:
            pairs.append((one.text[:MOST_CHARACTERS], ""))
        elif one.role == "assistant" and one.text and pairs:
            asked, answer = pairs[-1]
            pairs[-1] = (asked, f"{answer}\n\n{one.text}".strip())
    return tuple(pairs[-REMEMBERED:])


def _instructions(messages: Sequence[ChatMessage]) -> str:
    said = (one.text for one in messages if one.role in ("system", "developer"))
    return "\n\n".join(text for text in said if text)[:LONGEST_INSTRUCTIONS]
