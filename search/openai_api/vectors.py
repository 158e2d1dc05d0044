"""Have the embed worker, or a model server, embed what a program sends, a little at a time."""

from collections.abc import Iterator

import numpy as np
from django.utils.translation import gettext as _

from search import lane
from search.embedders import EmbeddingError
from search.models import Preset
from search.openai_api.errors import OpenAIError, away
from search.openai_api.inputs import Read

AT_ONCE = 64  # texts
TOKENS_AT_ONCE = 2048  # so that a person's question waits for no more than this


def vectors_of(preset: Preset, read: Read) -> np.ndarray:
    """(n, dimension) float32 of length 1, of the texts as they are. Raises OpenAIError."""
    try:
        return np.concatenate([lane.embed_instructed(preset, part, "") for part in _parts(read)])
    except EmbeddingError as error:
        raise _translated(error) from error


def _parts(read: Read) -> Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for text, tokens in zip(read.texts, read.tokens, strict=True):
        if part and (len(part) == AT_ONCE or size + tokens > TOKENS_AT_ONCE):
            yield part
            part, size = [], 0
        part.append(text)
        size += tokens
    if part:
        yield part


def _translated(error: EmbeddingError) -> OpenAIError:
    if error.permanent and error.refuses_text:
        said = _("The model does not take these texts: %(reason)s") % {"reason": error.message}
        return OpenAIError(400, said, param="input", code="invalid_value")
    return away(error.message)
