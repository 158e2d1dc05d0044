"""POST /v1/rerank: how well documents answer a query, in the form of Jina's and Cohere's APIs."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pydantic import Field, StrictStr

from kb.models import ApiKey
from kb.request import Request
from search.models import Preset, RerankPreset
from search.openai_api.errors import away
from search.openai_api.inputs import read
from search.openai_api.named import DEFAULT, reranking_preset
from search.openai_api.route import Body, route
from search.openai_api.vectors import vectors_of
from search.rerank import scores_now
from search.rerankers import RerankError
from search.tokenize import encodable, tokenizer_of

MOST_DOCUMENTS = 512
LONGEST = 50_000  # characters of a document; no reranking model reads more
AT_ONCE = 32  # documents, for which the model has KB_RERANK_SECONDS
CHARACTERS_AT_ONCE = 200_000  # as the embed worker takes no more than a megabyte


class Text(Body):
    """A document as Cohere's older clients send it."""

    text: StrictStr


class RerankIn(Body):
    """`model` is a reranking preset's name, or an embedding preset's, whose vectors are then compared."""

    model: str = DEFAULT
    query: StrictStr = Field(min_length=1, max_length=4000)
    documents: list[StrictStr | Text] = Field(min_length=1, max_length=MOST_DOCUMENTS)
    top_n: int | None = Field(None, ge=1)
    return_documents: bool = False


@route("POST", ApiKey.Scope.MODELS, body=RerankIn)
def rerank(request: Request, body: RerankIn) -> dict[str, Any]:
    """The best first; scores are the model's own, or cosines where the embedding model compares."""
    texts = [encodable(one if isinstance(one, str) else one.text)[:LONGEST] for one in body.documents]
    preset = reranking_preset(body.model)
    scores = _scores(preset, body.query, texts)
    best = np.argsort(-scores, kind="stable")[: body.top_n]
    tokens = _tokens(preset, [encodable(body.query), *texts])
    return {
        "id": f"rerank-{uuid.uuid4().hex}",
        "object": "list",
        "model": preset.name,
        "results": [_result(int(place), scores, texts if body.return_documents else None) for place in best],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _result(place: int, scores: np.ndarray, texts: Sequence[str] | None) -> dict[str, Any]:
    result = {"index": place, "relevance_score": float(scores[place])}
    return {**result, "document": {"text": texts[place]}} if texts else result


def _scores(preset: RerankPreset | Preset, query: str, texts: Sequence[str]) -> np.ndarray:
    if isinstance(preset, RerankPreset):
        return _reranked(preset, query, texts)
    return _compared(preset, query, texts)


def _reranked(preset: RerankPreset, query: str, texts: Sequence[str]) -> np.ndarray:
    try:
        return np.concatenate([scores_now(preset, query, part) for part in _parts(texts)])
    except RerankError as error:
        raise away(error.message) from error


def _parts(texts: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for text in texts:
        if part and (len(part) == AT_ONCE or sum(map(len, part)) + len(text) > CHARACTERS_AT_ONCE):
            yield part
            part = []
        part.append(text)
    if part:
        yield part


def _compared(preset: Preset, query: str, texts: Sequence[str]) -> np.ndarray:
    """(n,) cosines of the texts, as documents, to the query."""
    asked = read([preset.query_instruction + encodable(query)], preset, truncate=True)
    stored = read([preset.document_instruction + (text or " ") for text in texts], preset, truncate=True)
    return vectors_of(preset, stored) @ vectors_of(preset, asked)[0]


def _tokens(preset: Preset | RerankPreset, texts: list[str]) -> int:
    """Of query and documents, as the model's tokenizer counts them."""
    encodings = tokenizer_of(preset).encode_batch(texts)
    return sum(min(len(one.ids), preset.max_tokens) for one in encodings)
