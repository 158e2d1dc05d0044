"""The texts of a request to embed, however they are given, and how much of them the model reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from tokenizers import Tokenizer

from search.models import Preset
from search.openai_api.errors import OpenAIError
from search.tokenize import EstimatingTokenizer, encodable, tokenizer_of

MOST_TEXTS = 2048
MOST_TOKENS = 300_000
MOST_CHARACTERS = 4_000_000  # before anything is counted


@dataclass(frozen=True)
class Read:
    """Texts as they are sent to the model, and the tokens that it reads of each."""

    texts: tuple[str, ...]
    tokens: tuple[int, ...]


def texts_of(given: Any, preset: Preset) -> list[str]:
    """A text, a list of texts, a list of token ids, or a list of such lists, as texts. Raises OpenAIError."""
    if isinstance(given, str):
        return _checked([given])
    if not isinstance(given, list) or not given:
        raise _not_understood()
    if all(_is_token(one) for one in given):
        return _checked([_decoded(given, preset)])
    _must_not_be_more(given)
    if all(isinstance(one, str) for one in given):
        return _checked(given)
    if all(isinstance(one, list) and one and all(_is_token(id) for id in one) for one in given):
        return _checked([_decoded(one, preset) for one in given])
    raise _not_understood()


def _is_token(one: Any) -> bool:
    return isinstance(one, int) and not isinstance(one, bool)


def _not_understood() -> OpenAIError:
    said = _("input: a text, a list of texts, a list of token ids or a list of such lists is wanted, and not empty.")
    return OpenAIError(400, said, param="input", code="invalid_value")


def _must_not_be_more(given: list) -> None:
    if len(given) > MOST_TEXTS:
        said = _("input: %(n)d texts are too many; send %(most)d at the most.")
        raise OpenAIError(400, said % {"n": len(given), "most": MOST_TEXTS}, param="input", code="too_many_inputs")


def _checked(texts: list[str]) -> list[str]:
    if not all(text.strip() for text in texts):
        raise OpenAIError(400, _("input: a text must not be empty."), param="input", code="invalid_value")
    if sum(map(len, texts)) > MOST_CHARACTERS:
        raise _too_much()
    return [encodable(text) for text in texts]


def _too_much() -> OpenAIError:
    said = _("input: the texts have more than %(n)d tokens together; send them in parts.") % {"n": MOST_TOKENS}
    return OpenAIError(400, said, param="input", code="max_tokens_per_request")


def _decoded(ids: Sequence[int], preset: Preset) -> str:
    """By the model's own tokenizer; ids of another are refused as far as that can be seen."""
    tokenizer = tokenizer_of(preset)
    if isinstance(tokenizer, EstimatingTokenizer):
        said = _("input: the tokenizer of this model is not at hand, so token ids cannot be read; send text.")
        raise OpenAIError(400, said, param="input", code="invalid_value")
    size = tokenizer.get_vocab_size()
    if not all(0 <= one < size for one in ids):
        said = _("input: this model has the token ids from 0 to %(most)d; these are another model's. Send text.")
        raise OpenAIError(400, said % {"most": size - 1}, param="input", code="invalid_value")
    return tokenizer.decode(list(ids), skip_special_tokens=True)


def read(texts: Sequence[str], preset: Preset, *, truncate: bool) -> Read:
    """What the model reads. A text that is too long is cut where `truncate` says so, else refused with OpenAIError.

    Where the model's tokenizer is not at hand, tokens are estimated, and its server decides what is too long.
    """
    tokenizer = tokenizer_of(preset)
    encodings: list[Any] = list(tokenizer.encode_batch(list(texts)))
    counts = [len(one.ids) for one in encodings]
    if isinstance(tokenizer, Tokenizer):
        if not truncate:
            _must_fit(counts, preset)
        texts = [text[: _end(one.offsets, preset.max_tokens)] for text, one in zip(texts, encodings, strict=True)]
    tokens = [min(count, preset.max_tokens) for count in counts]
    if sum(tokens) > MOST_TOKENS:
        raise _too_much()
    return Read(tuple(texts), tuple(tokens))


def _end(offsets: Sequence[tuple[int, int]], tokens: int) -> int | None:
    """Where the last character lies that is read; None: all is."""
    return max(end for _start, end in offsets[:tokens]) if len(offsets) > tokens else None


def _must_fit(counts: Sequence[int], preset: Preset) -> None:
    for place, count in enumerate(counts):
        if count > preset.max_tokens:
            said = _(
                "input: text %(place)d has %(n)d tokens, and this model reads %(most)d. Send it in parts, or with "
                "“truncate”: true to have its beginning read."
            )
            filled = said % {"place": place, "n": count, "most": preset.max_tokens}
            raise OpenAIError(400, filled, param="input", code="context_length_exceeded")
