"""A question with its answer as a page shows it: with the sources that the reader may see now, and no others."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from kb.access import documents_in, readable_by, writable_by
from kb.models import Document, User
from search.cite import is_whole, numbers_in, without
from search.closest import SHOWN
from search.conversations.places import earlier_of, standing
from search.models import Citation, Conversation, Message

OTHERWISE = (Message.State.WRITING, Message.State.STOPPED)  # what is said of an answer that is not there


@dataclass(frozen=True)
class Turn:
    """A message, its answer as Markdown, the sources it uses and those that were only found; `by_number` has both.

    `answer` is the Markdown of what the reader may see; `earlier` are the messages whose place this one took.
    `is_own`: the reader may do something with it; not so with a conversation that someone else shared.
    `is_shortened` says that a part of the answer is left out, as its source is gone or no longer the reader's to read;
    `may_keep` that the reader may save the question with what it cites, as one to measure the search by. `closest` are
    the documents that come closest, where nothing answers it.
    """

    message: Message
    answer: str
    cited: list[Citation]
    nearby: list[Citation]
    by_number: dict[int, Citation]
    is_shortened: bool
    may_keep: bool
    closest: tuple[Document, ...] = ()
    earlier: tuple[Message, ...] = ()
    is_own: bool = True

    @property
    def is_shown(self) -> bool:
        """Whether there is an answer; of one that was stopped, or is being written, what is written."""
        has_begun = self.message.state in (Message.State.STOPPED, Message.State.WRITING)
        return self.message.is_answered or (has_begun and bool(self.answer))

    @property
    def derived(self) -> list[int]:
        """The numbers that are at some places not the model's: see search.derive."""
        added = {number for one in self.message.support if one.get("derived") for number in one["numbers"]}
        return sorted(added & self.by_number.keys())

    @property
    def names_no_source(self) -> bool:
        """Whether there is an answer that rests on nothing one could look at."""
        is_final = self.message.is_answered and not self.message.awaits_check
        return bool(self.answer) and is_final and not numbers_in(self.answer)

    @property
    def is_unfinished(self) -> bool:
        return self.message.state == Message.State.WRITING

    def read_only(self) -> "Turn":
        """As it is shown to whom it is shared with."""
        return replace(self, is_own=False, may_keep=False, earlier=())


def turns_of(conversation: Conversation, reader: User) -> list[Turn]:
    """The turns of a conversation that stand, in their order, each with those whose place it took."""
    return _turns(conversation, standing(conversation), reader)


def turn_of(message: Message, reader: User) -> Turn:
    """The turn of one message."""
    return _turns(message.conversation, [message], reader)[0]


def _turns(conversation: Conversation, messages: Iterable[Message], reader: User) -> list[Turn]:
    writable = set(writable_by(reader).values_list("pk", flat=True))
    earlier = earlier_of(list(conversation.messages.order_by("created_at", "pk").defer("answer", "support")))
    wanted = [message.pk for message in messages]
    found = {one.pk: one for one in _with_sources(Message.objects.filter(pk__in=wanted), reader)}
    closest = _closest(found.values(), reader)
    is_own = conversation.user_id == reader.pk
    return [
        replace(_turn(found[pk], writable, earlier.get(pk, ()), is_own), closest=closest.get(pk, ()))
        for pk in wanted
        if pk in found
    ]


def _closest(messages: Iterable, reader: User) -> dict[int, tuple[Document, ...]]:
    """Message -> the documents that the reader may read of those named for it, else of its nearest passages."""
    unanswered = [one for one in messages if one.state not in OTHERWISE and not one.is_answered]
    named = {UUID(pk) for one in unanswered for pk in one.closest}
    readable = documents_in(readable_by(reader)).in_bulk(list(named)) if named else {}
    found = {}
    for one in unanswered:
        of_passages = dict.fromkeys(citation.document for citation in one.visible)
        mine = [readable[UUID(pk)] for pk in one.closest if UUID(pk) in readable]
        found[one.pk] = tuple(mine or of_passages)[:SHOWN]
    return found


def _with_sources(messages: QuerySet[Message], reader: User) -> QuerySet[Message]:
    """Messages with `visible`: the citations whose documents the reader may read now; `offered` are all of them."""
    offered = Citation.objects.only("message_id", "number")
    visible = Citation.objects.filter(document__in=documents_in(readable_by(reader))).select_related(
        "document__superseded_by"
    )
    return messages.prefetch_related(
        Prefetch("citations", visible, to_attr="visible"), Prefetch("citations", offered, to_attr="offered")
    )


def _turn(message, writable: set, earlier: Iterable[Message], is_own: bool) -> Turn:
    """What cites nothing may rest on any passage that was offered: it is shown to who may read all of them."""
    by_number = {citation.number: citation for citation in message.visible}
    unseen = {*numbers_in(message.answer), *(one.number for one in message.offered)} - set(by_number)
    answer = without(message.answer, unseen)
    return Turn(
        message=message,
        answer=answer,
        cited=[citation for citation in message.visible if citation.is_cited],
        nearby=[citation for citation in message.visible if not citation.is_cited],
        by_number=by_number,
        is_shortened=not is_whole(message.answer, answer),
        may_keep=is_own and any(one.is_cited and one.document.knowledge_base_id in writable for one in message.visible),
        earlier=tuple(earlier),
        is_own=is_own,
    )
