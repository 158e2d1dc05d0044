"""Which language models there are, and which one answers."""

from collections.abc import Iterable

from django.conf import settings
from django.db import IntegrityError
from django.db.models import QuerySet

from kb.env import env
from search.chat import ChatSettings
from search.models import ChatModel, Conversation
from search.models.chat import FROM_ENVIRONMENT


class NoSuchModel(Exception):
    """There is no such language model, or it is not offered any more."""


def offered() -> QuerySet[ChatModel]:
    """The models that people may choose from, the default one first; with the environment's, where it has one."""
    models = ChatModel.objects.filter(enabled=True).order_by("-is_default", "name")
    if not is_set_outside():
        return models.exclude(name=FROM_ENVIRONMENT)
    _follow_environment(settings.KB_CHAT_URL, settings.KB_CHAT_MODEL)
    return models


def is_set_outside() -> bool:
    """Whether the environment of this process names a model."""
    return bool(settings.KB_CHAT_URL and settings.KB_CHAT_MODEL)


def _follow_environment(url: str, model: str) -> None:
    """KB_CHAT_URL and KB_CHAT_MODEL are a row like any other, which follows them. A process without them leaves it to
    those that have them: conversations name it."""
    row = ChatModel.objects.filter(name=FROM_ENVIRONMENT).first() or _made(url, model)
    if (row.url, row.model) != (url, model):
        ChatModel.objects.filter(pk=row.pk).update(url=url, model=model)


def _made(url: str, model: str) -> ChatModel:
    """The row, also where other processes make it, or a default, at the same moment."""
    known = {"url": url, "model": model}
    is_first = not ChatModel.objects.filter(is_default=True).exists()
    try:
        return ChatModel.objects.get_or_create(name=FROM_ENVIRONMENT, defaults={**known, "is_default": is_first})[0]
    except IntegrityError:
        return ChatModel.objects.get_or_create(name=FROM_ENVIRONMENT, defaults=known)[0]


def chosen_for(conversation: Conversation | None) -> ChatModel | None:
    """The conversation's model where it is still offered, else the default; None: answers are extracted."""
    models: Iterable[ChatModel] = list(offered())
    wanted = conversation.chat_model_id if conversation else None
    return next((model for model in models if model.pk == wanted), next(iter(models), None))


def settings_of(pk: int | None) -> ChatSettings:
    """What the client must know of a model. Raises NoSuchModel."""
    row = ChatModel.objects.filter(pk=pk or 0, enabled=True).first()
    if row is None:
        raise NoSuchModel("There is no such language model.")
    return settings_for(row)


def settings_for(row: ChatModel) -> ChatSettings:
    """The same of a row, saved or not; the environment's model has its key from there."""
    key = env("KB_CHAT_API_KEY") if row.name == FROM_ENVIRONMENT else row.api_key
    return ChatSettings(row.url, row.model, key, row.answer_tokens, row.temperature, row.price_in, row.price_out)
