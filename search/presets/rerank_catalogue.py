"""The reranking models that Lectern knows by name, with the limits of their own cards."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from search.models import RerankPreset
from search.rerankers.qwen3 import INSTRUCTION


@dataclass(frozen=True)
class ShippedReranker:
    """A model as its makers say that it is to be used. `billions` of parameters take two bytes each on a GPU.

    `max_tokens` is what it reads of question and passage together; a passage of Lectern's usual length needs less than
    512 of them, and time grows with what is read.
    """

    key: str
    name: str
    model: str
    max_tokens: int
    billions: float
    about: Any
    instruction: str = ""


def _bge(version: str, max_tokens: int, billions: float, about: Any) -> ShippedReranker:
    """https://huggingface.co/BAAI/bge-reranker-base (-large, -v2-m3): XLM-RoBERTa, a pair in, one number out."""
    name = f"bge-reranker-{version}"
    return ShippedReranker(name, name, f"BAAI/{name}", max_tokens, billions, about)


def _qwen3(size: str, billions: float) -> ShippedReranker:
    """https://huggingface.co/Qwen/Qwen3-Reranker-0.6B (-4B, -8B): yes or no to a prompt; reads up to 32k tokens.

    1,024 here: the prompt takes some 100 of them.
    """
    return ShippedReranker(
        f"qwen3-reranker-{size.lower()}", f"Qwen3-Reranker-{size}", f"Qwen/Qwen3-Reranker-{size}", 1024, billions,
        _("over 100 languages and code; follows an instruction"), INSTRUCTION,
    )  # fmt: skip


SHIPPED = (
    _bge("base", 512, 0.28, _("Chinese and English; the smallest")),
    _bge("large", 512, 0.56, _("Chinese and English")),
    _bge("v2-m3", 1024, 0.57, _("over 100 languages")),
    _qwen3("0.6B", 0.6),
    _qwen3("4B", 4.0),
    _qwen3("8B", 8.2),
)


def shipped(key: str) -> ShippedReranker | None:
    """The model of this key."""
    return next((one for one in SHIPPED if one.key == key), None)


def preset_from(one: ShippedReranker, *, url: str = "") -> RerankPreset:
    """A preset of it, not saved: in the embed worker, or at a server's address up to /rerank.

    A server puts the model's own words around question and passage itself, so that the instruction stays away.
    """
    engine = RerankPreset.Engine.SERVER if url else RerankPreset.Engine.CROSS_ENCODER
    return RerankPreset(
        name=one.name, engine=engine, model=one.model, max_tokens=one.max_tokens, url=url,
        instruction="" if url else one.instruction,
    )  # fmt: skip
