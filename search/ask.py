"""Ask a question: search, answer, check the citations, keep it in the conversation."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils.text import Truncator

from kb.access import documents_in
from kb.models import Document, KnowledgeBase
from search.answerers import open_answerer
from search.cite import Source, checked, cite, in_order, numbers_in, without
from search.follow_up import standalone
from search.models import Citation, Conversation, Message
from search.retrieve import retrieve
from search.structure import with_parts

LIMIT = 8  # passages an answer is made of
TITLE_CHARACTERS = 80


class Answer(NamedTuple):
    """What was found: `answer` cites citation n as [n] and is empty where nothing answers the question."""

    answer: str
    citations: tuple[Source, ...]
    notes: tuple[str, ...]
    is_answered: bool


def answer_once(
    question: str, *, knowledge_bases: Iterable[KnowledgeBase], mode: str = "hybrid", limit: int = LIMIT
) -> Answer:
    """An answer out of these knowledge bases that is kept nowhere; not answered, it brings the nearest passages."""
    found = retrieve(question, knowledge_bases=knowledge_bases, mode=mode, limit=limit)
    passages = with_parts(found.passages)
    text = checked("\n\n".join(open_answerer().answer(question, passages)), len(passages)).strip()
    is_answered = bool(numbers_in(text))
    text, passages = in_order(text if is_answered else "", passages)
    return Answer(text, cite(text, passages), tuple(map(str, found.notes)), is_answered)


def ask(
    conversation: Conversation,
    question: str,
    *,
    knowledge_bases: Iterable[KnowledgeBase],
    mode: str = "hybrid",
    limit: int = LIMIT,
) -> Message:
    """The question with its answer, kept as the conversation's next message. Nothing is locked while it searches."""
    began = time.monotonic()
    searched = standalone(question, _questions_before(conversation))
    answer = answer_once(searched, knowledge_bases=knowledge_bases, mode=mode, limit=limit)
    message = Message(
        conversation=conversation, question=question, searched=searched, answer=answer.answer,
        is_answered=answer.is_answered, mode=mode, notes=list(answer.notes),
        milliseconds=round((time.monotonic() - began) * 1000),
    )  # fmt: skip
    _keep(message, answer.citations)
    return message


def _questions_before(conversation: Conversation) -> list[str]:
    """As they were searched for, so that a follow-up of a follow-up still knows what it is about."""
    pairs = conversation.messages.order_by("-created_at", "-pk").values_list("searched", "question")[:3]
    return [searched or question for searched, question in reversed(pairs)]


@transaction.atomic
def _keep(message: Message, sources: Sequence[Source]) -> None:
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


def visible_citations(message: Message, *, knowledge_bases: Iterable[KnowledgeBase]) -> QuerySet[Citation]:
    """The message's sources in these knowledge bases; what the reader may no longer read is not among them."""
    return message.citations.filter(document__in=documents_in(knowledge_bases)).select_related("document")


def visible_answer(message: Message, *, knowledge_bases: Iterable[KnowledgeBase]) -> str:
    """The answer without what rests on sources that the reader may no longer read."""
    visible = set(visible_citations(message, knowledge_bases=knowledge_bases).values_list("number", flat=True))
    return without(message.answer, set(numbers_in(message.answer)) - visible)
