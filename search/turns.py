"""A question with its answer as a page shows it: with the sources that the reader may see now, and no others."""

from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet

from kb.access import documents_in, readable_by, writable_by
from kb.models import User
from search.cite import numbers_in, without
from search.models import Citation, Conversation, Message
from search.prose import Block, blocks_of


@dataclass(frozen=True)
class Turn:
    """A message, its answer's blocks, the sources it uses and those that were only found; `by_number` has both.

    `is_shortened` says that a part of the answer is left out, as its source is gone or no longer the reader's to read;
    `may_keep` that the reader may save the question with what it cites, as one to measure the search by.
    """

    message: Message
    blocks: list[Block]
    cited: list[Citation]
    nearby: list[Citation]
    by_number: dict[int, Citation]
    is_shortened: bool
    may_keep: bool


def turns_of(conversation: Conversation, reader: User) -> list[Turn]:
    """All turns of a conversation, in four queries."""
    return _turns(conversation.messages.all(), reader)


def turn_of(message: Message, reader: User) -> Turn:
    """The turn of one message."""
    return _turns(Message.objects.filter(pk=message.pk), reader)[0]


def _turns(messages: QuerySet[Message], reader: User) -> list[Turn]:
    writable = set(writable_by(reader).values_list("pk", flat=True))
    return [_turn(message, writable) for message in _with_sources(messages, reader)]


def _with_sources(messages: QuerySet[Message], reader: User) -> QuerySet[Message]:
    """Messages with `visible`: the citations whose documents the reader may read now."""
    visible = Citation.objects.filter(document__in=documents_in(readable_by(reader))).select_related(
        "document__superseded_by"
    )
    return messages.prefetch_related(Prefetch("citations", visible, to_attr="visible"))


def _turn(message, writable: set) -> Turn:
    by_number = {citation.number: citation for citation in message.visible}
    unseen = set(numbers_in(message.answer)) - set(by_number)
    return Turn(
        message=message,
        blocks=blocks_of(without(message.answer, unseen) if unseen else message.answer),
        cited=[citation for citation in message.visible if citation.is_cited],
        nearby=[citation for citation in message.visible if not citation.is_cited],
        by_number=by_number,
        is_shortened=bool(unseen),
        may_keep=any(one.is_cited and one.document.knowledge_base_id in writable for one in message.visible),
    )
