"""What the names of models stand for: knowledge bases that answer, presets that embed or rerank."""

from collections import defaultdict
from collections.abc import Iterable

from django.utils.translation import gettext as _

from kb.access import readable_by
from kb.models import KnowledgeBase, User
from search.embedders import EmbeddingError
from search.models import Preset, RerankPreset
from search.openai_api.errors import OpenAIError, away, no_model
from search.presets.chosen import default_preset
from search.rerankers.presets import default_reranker

EVERYTHING = "lectern"  # all knowledge bases that the key may read
DEFAULT = "default"  # the installation's embedding model; of reranking models the first


def knowledge_bases_of(user: User, model: str) -> list[KnowledgeBase]:
    """Those that a chat's model names: by name or id, several with commas between, or all. Raises OpenAIError."""
    readable = list(readable_by(user))
    if model.strip() == EVERYTHING:
        return readable
    known = _by_name(readable)
    names = [model.strip()] if model.strip() in known else [part.strip() for part in model.split(",")]
    return list({one.pk: one for one in (_one(known, name) for name in names)}.values())


def _by_name(readable: Iterable[KnowledgeBase]) -> dict[str, list[KnowledgeBase]]:
    known = defaultdict(list)
    for one in readable:
        known[one.name.strip()].append(one)
    return known | {str(one.pk): [one] for one in readable}


def _one(known: dict[str, list[KnowledgeBase]], name: str) -> KnowledgeBase:
    found = known.get(name, [])
    if not found:
        raise no_model(name)
    if len(found) > 1:
        said = _("Several knowledge bases are called “%(name)s”; name one by its id: %(ids)s.")
        ids = ", ".join(str(one.pk) for one in found)
        raise OpenAIError(400, said % {"name": name, "ids": ids}, param="model", code="ambiguous_model")
    return found[0]


def embedding_preset(name: str) -> Preset:
    """The one of this name. Raises OpenAIError."""
    if name == DEFAULT:
        try:
            return default_preset()
        except EmbeddingError as error:
            raise away(error.message) from error
    preset = Preset.objects.filter(name=name).first()
    if preset is None:
        raise no_model(name)
    return preset


def reranking_preset(name: str) -> RerankPreset | Preset:
    """The one of this name; where there is no reranking model, the embedding model compares. Raises OpenAIError."""
    if name == DEFAULT:
        return default_reranker() or embedding_preset(DEFAULT)
    return RerankPreset.objects.filter(name=name).first() or embedding_preset(name)
