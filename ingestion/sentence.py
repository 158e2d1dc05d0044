"""Sentences for people, written where nobody's language is known and translated where they are read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Sentence:
    """English words, which are the catalogue's message id, and what stands in their {places}: maybe sentences again.

    As a string it is in the language that is active. It travels as JSON from the child process, where parsers run
    without Django and which may be in the hands of a malicious file: so places are filled in, never formatted.
    """

    words: str
    values: dict[str, "str | Sentence"] = field(default_factory=dict)

    def __str__(self) -> str:
        from django.utils.translation import gettext

        words = gettext(self.words) if self.words else ""
        return _PLACE.sub(lambda place: str(self.values.get(place[1], place[0])), words) if self.values else words

    def to_json(self) -> list:
        return [self.words, {k: v.to_json() if isinstance(v, Sentence) else v for k, v in self.values.items()}]

    @classmethod
    def from_json(cls, data: Any) -> "Sentence":
        words, values = data
        return cls(
            str(words), {k: cls.from_json(v) if isinstance(v, list) else str(v) for k, v in dict(values).items()}
        )


def sentence(words: str, **values: "str | int | Sentence") -> Sentence:
    """Import it as `_`, and the tools that collect what is to be translated find the words. Numbers get commas."""
    return Sentence(words, {k: f"{v:,}" if isinstance(v, int) else v for k, v in values.items()})


def one_after_another(sentences: "Sequence[Sentence | str]", between: str = " ") -> Sentence:
    values: dict[str, str | Sentence] = {f"s{number}": each for number, each in enumerate(sentences)}
    return Sentence(between.join(f"{{{name}}}" for name in values), values)
