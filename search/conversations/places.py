"""Which turns of a conversation stand, and in what order: one that was asked again stands where the first one stood."""

from collections.abc import Sequence
from datetime import datetime

from search.models import Conversation, Message


def standing(conversation: Conversation, *, before: Message | None = None) -> list[Message]:
    """The messages that nothing has taken the place of, in their order; only those before a message, where one is
    named."""
    messages = list(conversation.messages.order_by("created_at", "pk"))
    places = places_of(messages)
    end = places.get(before.pk) if before else None
    found = [one for one in messages if one.replaced_by_id is None and (end is None or places[one.pk] < end)]
    return sorted(found, key=lambda one: (places[one.pk], one.created_at, one.pk))


def places_of(messages: Sequence[Message]) -> dict[int, datetime]:
    """Message -> when the first of those was asked whose place it has; of all of a conversation, the oldest first."""
    places: dict[int, datetime] = {}
    for message in messages:
        places[message.pk] = min([message.created_at, *_places_taken(message, messages, places)])
    return places


def _places_taken(message: Message, messages: Sequence[Message], places: dict[int, datetime]) -> list[datetime]:
    return [places[one.pk] for one in messages if one.replaced_by_id == message.pk and one.pk in places]


def earlier_of(messages: Sequence[Message]) -> dict[int, list[Message]]:
    """Message -> those whose place it took, and whose place these took, the newest first."""
    newest = {one.pk: one.replaced_by_id for one in messages}
    found: dict[int, list[Message]] = {}
    for message in reversed(messages):
        last = message.replaced_by_id
        while last is not None and newest.get(last):
            last = newest[last]
        if last is not None:
            found.setdefault(last, []).append(message)
    return found
