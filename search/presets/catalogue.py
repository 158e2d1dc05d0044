"""The embedding models that Lectern knows by name, with the instructions and limits of their own cards."""

import re
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from search.models import Preset

# The task of the cards of Qwen3-Embedding and E5-Mistral; theirs to name, so that it is not translated.
RETRIEVAL = "Given a web search query, retrieve relevant passages that answer the query"
# Worded as the tasks of the same kinds with which both were measured (MTEB), for documents in place of news or papers.
CLASSIFICATION = "Classify the given document by its main topic"
CLUSTERING = "Identify the topic or theme of the given document"

Pooling = Preset.Pooling


@dataclass(frozen=True)
class Shipped:
    """A model as its makers say that it is to be used. Instructions are whole prefixes, line ends included.

    `billions` of parameters: two bytes each on a GPU, four on a CPU.
    """

    key: str
    name: str
    model: str
    dimension: int
    max_tokens: int
    billions: float
    about: Any
    pooling: str = ""
    shortest: int | None = None
    query_instruction: str = ""
    classification_instruction: str = ""
    clustering_instruction: str = ""
    aliases: tuple[str, ...] = ()


def _qwen3(size: str, dimension: int, billions: float) -> Shipped:
    """https://huggingface.co/Qwen/Qwen3-Embedding-0.6B (and -4B, -8B), config.json and arXiv:2506.05176.

    Last token, padding on the left; `Instruct: {task}\\nQuery:{text}` before questions and nothing before passages;
    without it retrieval is 1 to 5 % lower, by its card. Matryoshka from 32; 32k tokens.
    """
    instruct = "Instruct: {}\nQuery:".format
    return Shipped(
        key=f"qwen3-embedding-{size.lower()}", name=f"Qwen3-Embedding-{size}", model=f"Qwen/Qwen3-Embedding-{size}",
        dimension=dimension, shortest=32, max_tokens=32_768, billions=billions, pooling=Pooling.LAST,
        about=_("over 100 languages and code; follows instructions; its vectors may be cut"),
        query_instruction=instruct(RETRIEVAL), classification_instruction=instruct(CLASSIFICATION),
        clustering_instruction=instruct(CLUSTERING),
    )  # fmt: skip


def _e5_mistral() -> Shipped:
    """https://huggingface.co/intfloat/e5-mistral-7b-instruct and arXiv:2401.00368.

    Last token; `Instruct: {task}\\nQuery: {text}` (with the space) before questions, nothing before passages. Its card
    advises against more than 4,096 tokens, though its architecture has 32k.
    """
    instruct = "Instruct: {}\nQuery: ".format
    return Shipped(
        key="e5-mistral-7b-instruct", name="E5-Mistral-7B-instruct", model="intfloat/e5-mistral-7b-instruct",
        dimension=4096, max_tokens=4096, billions=7.1, pooling=Pooling.LAST, about=_("English; follows instructions"),
        query_instruction=instruct(RETRIEVAL), classification_instruction=instruct(CLASSIFICATION),
        clustering_instruction=instruct(CLUSTERING), aliases=("e5-mistral",),
    )  # fmt: skip


def _bge_m3() -> Shipped:
    """https://huggingface.co/BAAI/bge-m3 and arXiv:2402.03216: first token, no instructions, 8,192 tokens.

    Its sparse and its many-vector retrieval are not used here: words have an index of their own.
    """
    return Shipped(
        key="bge-m3", name="BGE-M3", model="BAAI/bge-m3", dimension=1024, max_tokens=8192, billions=0.57,
        pooling=Pooling.CLS, about=_("over 100 languages"),
    )  # fmt: skip


def _m3e(size: str, dimension: int, billions: float) -> Shipped:
    """https://huggingface.co/moka-ai/m3e-base (and -large): BERT, mean of all tokens, no instructions, 512 tokens."""
    return Shipped(
        key=f"m3e-{size}", name=f"M3E-{size}", model=f"moka-ai/m3e-{size}", dimension=dimension, max_tokens=512,
        billions=billions, pooling=Pooling.MEAN, about=_("Chinese and some English"),
    )  # fmt: skip


def _minilm() -> Shipped:
    """https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2: mean of all tokens, no instructions, 256 tokens.

    Its pooling is left to its files, as it always was: so its vectors keep their fingerprint.
    """
    return Shipped(
        key="all-minilm-l6-v2", name="all-MiniLM-L6-v2", model="sentence-transformers/all-MiniLM-L6-v2", dimension=384,
        max_tokens=256, billions=0.023, about=_("English; small, and comes with Lectern"), aliases=("all-minilm",),
    )  # fmt: skip


SHIPPED: dict[str, Shipped] = {
    one.key: one
    for one in (
        _qwen3("0.6B", 1024, 0.6),
        _qwen3("4B", 2560, 4.0),
        _qwen3("8B", 4096, 7.6),
        _bge_m3(),
        _e5_mistral(),
        _m3e("base", 768, 0.11),
        _m3e("large", 1024, 0.34),
        _minilm(),
    )
}


def named(name: str) -> Shipped | None:
    """The model of this key, or of this name on Hugging Face; in any case of letters."""
    wanted = name.lower()
    return next((one for one in SHIPPED.values() if wanted in (one.key, one.model.lower())), None)


def recognised(name: str) -> Shipped | None:
    """The model that a server means by this name: `qwen3-embedding:4b`, `bge-m3:latest`, `m3e-base-q8_0.gguf`."""
    plain = re.sub(r"[^a-z0-9.]+", "-", name.rstrip("/").rpartition("/")[2].lower())
    for one in SHIPPED.values():
        if any(plain == known or plain.startswith(f"{known}-") for known in (one.key, *one.aliases)):
            return one
    return None


def fields_of(shipped: Shipped) -> dict[str, Any]:
    """The fields of a Preset of this model, in the embed worker."""
    kept = ("name", "model", "dimension", "shortest", "max_tokens", "pooling", "query_instruction",
            "classification_instruction", "clustering_instruction")  # fmt: skip
    return {field: getattr(shipped, field) for field in kept}
