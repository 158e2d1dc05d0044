"""What a sentence-transformers model's own files say about it, read without loading the model.

As sentence-transformers 6 reads them: modules.json names the parts and their folders, and the last part that knows how
long its vectors are decides the dimension. A folder without modules.json is a transformer, pooled to its own width.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.embedders import EmbeddingError
from search.tokenize import json_in, model_folder

OURS = "sentence_transformers."
REACHES = tuple(
    f"sentence_{name}_config.json" for name in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta")
)
# Kinds of models that count positions from behind the padding token's.
FROM_BEHIND_PADDING = (
    "camembert", "data2vec-text", "esm", "ibert", "longformer", "luke", "mpnet", "roberta", "roberta-prelayernorm",
    "xlm-roberta", "xlm-roberta-xl", "xmod",
)  # fmt: skip
WIDTH_NAMES = ("hidden_size", "dim", "d_model", "n_embd", "emb_dim")  # DistilBERT's, T5's, GPT-2's, XLM's
READS = 512  # where nothing says how far it reads
FARTHEST = 10_000_000  # tokens; tokenizers that have no limit name a far larger number
STATIC_READS = 32_768  # of a table of word vectors, which reads texts of any length


@dataclass(frozen=True)
class ModelFacts:
    """What a model's own files say about it.

    The instructions are those that they name "query" (in E5-Mistral's: "web_search_query") and "document".
    """

    dimension: int
    max_tokens: int
    query_instruction: str
    document_instruction: str


@dataclass(frozen=True)
class Part:
    """A module of the model: the last word of its class, and the folder with its files."""

    kind: str
    folder: Path

    @property
    def config(self) -> dict[str, Any]:
        return json_in(self.folder / "config.json")


def facts_of(model: str, revision: str = "") -> ModelFacts | None:
    """Dimension, reach and instructions of a model on this machine; None where its files are not here.

    Raises EmbeddingError where they are of no model that Lectern can run.
    """
    folder = model_folder(model, revision)
    if folder is None:
        return None
    with _named(model):
        parts = parts_in(folder)
        reads = _reads(parts[0])
        prompts = json_in(folder / "config_sentence_transformers.json").get("prompts") or {}
        return ModelFacts(
            dimension=_dimension(parts),
            max_tokens=reads,
            query_instruction=prompts.get("query", prompts.get("web_search_query", "")),
            document_instruction=prompts.get("document", prompts.get("passage", "")),
        )


class _Unfit(Exception):
    """Why the model cannot be used: the end of a sentence that begins with its name."""


@contextmanager
def _named(model: str) -> Iterator[None]:
    try:
        yield
    except _Unfit as error:
        raise EmbeddingError(f"{model} {error}", permanent=True) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        message = f"The files of {model} cannot be read as those of an embedding model: {error!r}"
        raise EmbeddingError(message, permanent=True) from error


def parts_in(folder: Path) -> list[Part]:
    """The model's modules, first to last."""
    listed = json_in(folder / "modules.json", [])
    return [_part(folder, module) for module in listed] or [Part("Transformer", folder)]


def _part(folder: Path, module: dict[str, str]) -> Part:
    kind = module["type"].rpartition(".")[2]
    if not module["type"].startswith(OURS):
        raise _Unfit(f"needs code of its own ({module['type']}), and Lectern runs none out of a model's folder.")
    if kind not in (*FIRST, *WIDTHS, *WIDTHLESS):
        raise _Unfit(f"has a part that Lectern cannot run: {kind}.")
    return Part(kind, folder / module["path"])


def _dimension(parts: list[Part]) -> int:
    return next(WIDTHS[part.kind](part) for part in reversed(parts) if part.kind in WIDTHS)


def _pooled_width(part: Part) -> int:
    """Vectors of several ways of pooling stand one behind the other."""
    config = part.config
    named = config.get("pooling_mode") or [key for key, on in config.items() if key.startswith("pooling_mode_") and on]
    width = config.get("embedding_dimension") or config["word_embedding_dimension"]
    return width * (1 if isinstance(named, str) else max(1, len(named)))


def _static_width(part: Part) -> int:
    """By the header of the weights: a length in 8 bytes, then JSON."""
    file = part.folder / "model.safetensors"
    if not file.exists():
        raise _Unfit("has no model.safetensors.")
    with file.open("rb") as weights:
        header = json.loads(weights.read(int.from_bytes(weights.read(8), "little")))
    table = header.get("embedding.weight") or header["embeddings"]  # as model2vec names it
    return table["shape"][-1]


def _transformer(folder: Path) -> dict[str, Any]:
    """config.json, with what it says of the part that reads text where the model has several.

    Read by itself: transformers, which knows more kinds of it, would bring PyTorch into the web server.
    """
    config = json_in(folder / "config.json")
    if not config:
        raise _Unfit("has no config.json.")
    return config | (config.get("text_config") or {})


def _width(part: Part) -> int:
    config = _transformer(part.folder)
    if width := next((config[name] for name in WIDTH_NAMES if config.get(name)), None):
        return width
    raise _Unfit("has a config.json that does not say how wide it is.")


WIDTHS: dict[str, Callable[[Part], int]] = {
    "Dense": lambda part: part.config["out_features"],
    "LayerNorm": lambda part: part.config["dimension"],
    "Pooling": _pooled_width,
    "StaticEmbedding": _static_width,
    "Transformer": _width,
}
WIDTHLESS = ("Dropout", "Normalize")
FIRST = ("Transformer", "StaticEmbedding")


def _reads(first: Part) -> int:
    """Tokens: as sentence-transformers is told, else the tokenizer, and never more than there are positions."""
    if first.kind not in FIRST:
        raise _Unfit(f"begins with a part that reads no text: {first.kind}.")
    if first.kind == "StaticEmbedding":
        return STATIC_READS
    said: dict[str, Any] = next((found for name in REACHES if (found := json_in(first.folder / name))), {})
    asked = said.get("max_seq_length") or json_in(first.folder / "tokenizer_config.json").get("model_max_length")
    limits = (asked, _positions(_transformer(first.folder)))
    return min((int(limit) for limit in limits if limit and 0 < limit < FARTHEST), default=READS)


def _positions(config: dict[str, Any]) -> int:
    """0 where there is no limit."""
    kind = config.get("model_type") or ""
    if kind in FROM_BEHIND_PADDING:
        return config["max_position_embeddings"] - config["pad_token_id"] - 1
    return config.get("max_position_embeddings") or (0 if "t5" in kind else config.get("n_positions") or 0)
