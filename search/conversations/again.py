"""Answer a question again in its place, as it was or with other words."""

from collections.abc import Iterable, Sequence

from django.db import transaction

from kb.models import KnowledgeBase
from search import answer_lane
from search.answer_lane import AnswerLaneError
from search.ask import ask
from search.conversations.places import standing
from search.models import Conversation, Message
from search.writing import name_of


def ask_again(message: Message, question: str, *, knowledge_bases: Iterable[KnowledgeBase], mode: str) -> Message:
    """The message that stands in the old one's place now; the old one stays as an earlier answer.

    Other words are another conversation from there on: what followed the old question is set aside with it. Where it
    was asked again by another request at the same time, what was asked last stands.
    """
    conversation = message.conversation
    after = _after(message) if question != message.question else []
    answered = ask(conversation, question, knowledge_bases=knowledge_bases, mode=mode, instead_of=message)
    return _put(answered, message, after)


def newest(message: Message) -> Message:
    """What took a message's place by now."""
    while message.replaced_by is not None:
        message = message.replaced_by
    return message


def let_go(message: Message) -> None:
    """Nobody waits for the rest of an answer that is asked for anew."""
    if message.state == Message.State.WRITING:
        try:
            answer_lane.stop(name_of(message))
        except AnswerLaneError:
            return


def _put(answered: Message, message: Message, after: Sequence[Message]) -> Message:
    """In the message's place, unless something newer stands there."""
    with transaction.atomic():
        Conversation.objects.select_for_update().get(pk=message.conversation_id)  # one after the other
        there = newest(Message.objects.get(pk=message.pk))
        last, other = (answered, there) if answered.pk > there.pk else (there, answered)
        gone = {other.pk} if last == there else {other.pk, message.pk, *(one.pk for one in after)}
        message.conversation.messages.filter(pk__in=gone).update(replaced_by=last)
    let_go(other)
    return last


def _after(message: Message) -> list[Message]:
    """The turns that follow a message."""
    turns = standing(message.conversation)
    keys = [one.pk for one in turns]
    return turns[keys.index(message.pk) + 1 :] if message.pk in keys else []
