"""What a model server has: its models, how much they read, and how long their vectors are."""

from dataclasses import dataclass
from typing import Any

import httpx

from search.embedders.openai import PLAIN, ask, client_of, models
from search.presets.catalogue import fields_of, recognised
from search.presets.model_files import facts_of
from search.presets.server_keys import key_for

PATIENCE = httpx.Timeout(30.0, connect=3.0)  # some servers load a model when it is first asked for
READS = 512  # tokens, where neither the server nor anything here says how many


@dataclass(frozen=True)
class ServedModel:
    """A model's name, and the tokens that the server says it reads (0: it does not say)."""

    name: str
    reads: int


def models_at(url: str, variable: str = "") -> list[ServedModel]:
    """The models that the server at this address (up to /v1) has. Raises EmbeddingError.

    `variable` names the one with the server's key, here and below (search.presets.server_keys).
    """
    with client_of(url, key_for(url, variable)) as client:
        return [ServedModel(name, reads) for name, reads in models(client, PATIENCE)]


def dimension_at(url: str, model: str, variable: str = "") -> int:
    """How long the model's vectors are: it is asked for one. Raises EmbeddingError."""
    with client_of(url, key_for(url, variable)) as client:
        return ask(client, model, ["dimension"], PLAIN, PATIENCE).vectors.shape[-1]


def fields_at(url: str, model: str, variable: str = "") -> dict[str, Any]:
    """The fields of a Preset of this server's model.

    Instructions are those of its card or its files, where it is one that is known here. Raises EmbeddingError.
    """
    known = recognised(model)
    fields = fields_of(known) if known else _fields_of_files(model)
    reads = next((one.reads for one in models_at(url, variable) if one.name == model), 0)
    return {
        **fields, "engine": "server", "url": url, "model": model, "pooling": "", "api_key_variable": variable,
        "dimension": dimension_at(url, model, variable),
        "max_tokens": min(filter(None, (reads, fields.get("max_tokens"))), default=READS),
    }  # fmt: skip


def _fields_of_files(model: str) -> dict[str, Any]:
    facts = facts_of(model)
    if facts is None:
        return {"name": model.rstrip("/").rpartition("/")[2]}
    return {
        "name": model.rstrip("/").rpartition("/")[2], "max_tokens": facts.max_tokens,
        "query_instruction": facts.query_instruction, "document_instruction": facts.document_instruction,
    }  # fmt: skip
