"""Keep a question with its answer and sources in its conversation."""

from collections.abc import Sequence
from dataclasses import asdict

from django.db import transaction
from django.utils.text import Truncator

from kb.models import Document
from search.cite import Source
from search.conversations.places import standing
from search.models import Citation, Conversation, Message

TITLE_CHARACTERS = 80


@transaction.atomic
def record(message: Message, sources: Sequence[Source]) -> None:
    """Save the message, the sources whose documents are still there, and the conversation's title."""
    message.save()
    documents = {source.document_id for source in sources}
    living = set(Document.objects.filter(pk__in=documents, deleted_at=None).values_list("pk", flat=True))
    Citation.objects.bulk_create(
        Citation(message=message, **asdict(source)) for source in sources if source.document_id in living
    )
    conversation = message.conversation
    conversation.title = conversation.title or title_of(message.question)
    conversation.save(update_fields=["title", "updated_at"])


def title_of(question: str) -> str:
    """A conversation's title: its first question, on one line, cut to a glance."""
    return Truncator(" ".join(question.split())).chars(TITLE_CHARACTERS)


def questions_before(conversation: Conversation, instead_of: Message | None = None) -> list[str]:
    """As they were searched for, so that a follow-up of a follow-up still knows what it is about.

    Only those that stand; and only those before the message in whose place is asked again, where there is one.
    """
    return [one.searched or one.question for one in standing(conversation, before=instead_of)[-3:]]
