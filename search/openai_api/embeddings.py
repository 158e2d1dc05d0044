"""POST /v1/embeddings: vectors of texts, by an embedding preset."""

from base64 import b64encode
from typing import Any, Literal

import numpy as np
from django.utils.translation import gettext as _
from pydantic import Field

from kb.models import ApiKey
from kb.request import Request
from search.models import Preset
from search.openai_api.errors import OpenAIError
from search.openai_api.inputs import read, texts_of
from search.openai_api.named import embedding_preset
from search.openai_api.route import Body, route
from search.openai_api.vectors import vectors_of
from search.vectors import shorten


class EmbeddingsIn(Body):
    """As OpenAI's, with two fields more.

    `input_type` has the preset's instruction for questions or for documents put before each text; without it texts are
    embedded as they are. `truncate` has the beginning of a text read that is too long for the model.
    """

    model: str = Field(min_length=1)
    input: Any
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(None, ge=1)
    input_type: Literal["query", "document"] | None = None
    truncate: bool = False


@route("POST", ApiKey.Scope.MODELS, body=EmbeddingsIn)
def embeddings(request: Request, body: EmbeddingsIn) -> dict[str, Any]:
    """One vector a text, in their order."""
    preset = embedding_preset(body.model)
    dimension = _dimension(preset, body.dimensions)
    before = {"query": preset.query_instruction, "document": preset.document_instruction}.get(body.input_type or "", "")
    taken = read([before + text for text in texts_of(body.input, preset)], preset, truncate=body.truncate)
    rows = shorten(vectors_of(preset, taken), dimension)
    tokens = sum(taken.tokens)
    return {
        "object": "list",
        "model": body.model,
        "data": [
            {"object": "embedding", "index": place, "embedding": _written(row, body.encoding_format)}
            for place, row in enumerate(rows)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _dimension(preset: Preset, wanted: int | None) -> int:
    if wanted is None or preset.allows(wanted):
        return wanted or preset.dimension
    if preset.shortest:
        said = _("dimensions: this model's vectors may have %(least)d to %(most)d numbers, not %(wanted)d.")
    else:
        said = _(
            "dimensions: this model's vectors have %(most)d numbers and may not be cut, to %(wanted)d or any other."
        )
    filled = said % {"least": preset.shortest, "most": preset.dimension, "wanted": wanted}
    raise OpenAIError(400, filled, param="dimensions", code="invalid_value")


def _written(row: np.ndarray, encoding: str) -> str | list[float]:
    return b64encode(row.astype("<f4").tobytes()).decode() if encoding == "base64" else row.tolist()
