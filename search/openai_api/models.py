"""GET /v1/models: what may be named as a model."""

from collections.abc import Iterator
from typing import Any

from kb.access import may, readable_by
from kb.models import ApiKey, User
from kb.request import Request
from search.models import Preset, RerankPreset
from search.openai_api.errors import no_model
from search.openai_api.named import DEFAULT, EVERYTHING
from search.openai_api.route import route

CHAT, EMBEDDING, RERANKING = "chat", "embedding", "rerank"


@route("GET")
def models(request: Request) -> dict[str, Any]:
    """All that this key may use."""
    return {"object": "list", "data": list(_models(request.user))}


@route("GET")
def model(request: Request, name: str) -> dict[str, Any]:
    """One of them."""
    found = next((one for one in _models(request.user) if one["id"] == name), None)
    if found is None:
        raise no_model(name)
    return found


def _models(user: User) -> Iterator[dict[str, Any]]:
    if may(user, ApiKey.Scope.ASK):
        yield from _knowledge_bases(user)
    if may(user, ApiKey.Scope.MODELS):
        yield _model(DEFAULT, EMBEDDING)
        for preset in Preset.objects.all():
            yield _model(preset.name, EMBEDDING, dimension=preset.dimension, shortest=preset.shortest)
        for name in RerankPreset.objects.values_list("name", flat=True):
            yield _model(name, RERANKING)


def _knowledge_bases(user: User) -> Iterator[dict[str, Any]]:
    """By name; by id where a name is taken."""
    yield _model(EVERYTHING, CHAT)
    taken = {EVERYTHING}
    for one in readable_by(user):
        name = str(one.pk) if one.name.strip() in taken else one.name.strip()
        taken.add(name)
        yield _model(name, CHAT, created=int(one.created_at.timestamp()), knowledge_base=str(one.pk))


def _model(name: str, kind: str, *, created: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "lectern", "kind": kind, **more}
