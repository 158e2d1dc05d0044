"""Answer a question again in its place, as it was or with other words."""

from collections.abc import Iterable

from django.db import transaction

from kb.models import KnowledgeBase
from search.ask import ask
from search.models import Message
from search.places import standing


def ask_again(message: Message, question: str, *, knowledge_bases: Iterable[KnowledgeBase], mode: str) -> Message:
    """The new message, in the old one's place; the old one stays as an earlier answer.

    Other words are another conversation from there on: what followed the old question is set aside with it.
    """
    conversation = message.conversation
    after = _after(message) if question != message.question else []
    answered = ask(conversation, question, knowledge_bases=knowledge_bases, mode=mode, instead_of=message)
    with transaction.atomic():
        gone = [message.pk, *(one.pk for one in after)]
        conversation.messages.filter(pk__in=gone).update(replaced_by=answered)
    return answered


def _after(message: Message) -> list[Message]:
    """The turns that follow a message."""
    turns = standing(message.conversation)
    keys = [one.pk for one in turns]
    return turns[keys.index(message.pk) + 1 :] if message.pk in keys else []
