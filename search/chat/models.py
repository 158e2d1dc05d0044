"""Which language models there are, and which one answers."""

from collections.abc import Iterable

from django.conf import settings
from django.db.models import QuerySet

from kb.env import env
from search.chat import ChatSettings
from search.models import ChatModel, Conversation
from search.models.chat import FROM_ENVIRONMENT


class NoSuchModel(Exception):
    """There is no such language model, or it is not offered any more."""


def offered() -> QuerySet[ChatModel]:
    """The models that people may choose from, the default one first; the environment's is among them."""
    _from_environment()
    return ChatModel.objects.filter(enabled=True).order_by("-is_default", "name")


def _from_environment() -> None:
    """KB_CHAT_URL and KB_CHAT_MODEL are a row like any other; it follows them."""
    url, model = settings.KB_CHAT_URL, settings.KB_CHAT_MODEL
    if not (url and model):
        ChatModel.objects.filter(name=FROM_ENVIRONMENT).delete()
        return
    row = ChatModel.objects.filter(name=FROM_ENVIRONMENT).first()
    if row is None:
        first = not ChatModel.objects.filter(is_default=True).exists()
        ChatModel.objects.create(name=FROM_ENVIRONMENT, url=url, model=model, is_default=first)
    elif (row.url, row.model) != (url, model):
        ChatModel.objects.filter(pk=row.pk).update(url=url, model=model)


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
