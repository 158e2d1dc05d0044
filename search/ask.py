"""Ask a question: search, answer, check the citations, keep it in the conversation."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from django.db.models import QuerySet

from kb.access import documents_in
from kb.models import Document, KnowledgeBase
from search.answerers import open_answerer
from search.chat.models import chosen_for
from search.cite import Source, checked, cite, in_order, numbers_in, without
from search.closest import closest_documents
from search.conversations.record import questions_before, record
from search.follow_up import standalone
from search.models import Citation, Conversation, Message
from search.retrieve import retrieve
from search.structure import with_parts
from search.writing import begin_writing

LIMIT = 8  # passages an answer is made of


class Answer(NamedTuple):
    """What was found: `answer` cites citation n as [n] and is empty where nothing answers the question.

    Then `closest` are the documents that come closest.
    """

    answer: str
    citations: tuple[Source, ...]
    notes: tuple[str, ...]
    is_answered: bool
    closest: tuple[Document, ...] = ()


def answer_once(
    question: str, *, knowledge_bases: Iterable[KnowledgeBase], mode: str = "hybrid", limit: int = LIMIT
) -> Answer:
    """An answer out of these knowledge bases that is kept nowhere; not answered, it brings the nearest passages."""
    scope = list(knowledge_bases)
    found = retrieve(question, knowledge_bases=scope, mode=mode, limit=limit)
    passages = with_parts(found.passages)
    text = checked("\n\n".join(open_answerer().answer(question, passages)), len(passages)).strip()
    is_answered = bool(numbers_in(text))
    text, passages = in_order(text if is_answered else "", passages)
    closest = () if is_answered else tuple(closest_documents(question, passages, knowledge_bases=scope))
    return Answer(text, cite(text, passages), tuple(map(str, found.notes)), is_answered, closest)


def ask(
    conversation: Conversation,
    question: str,
    *,
    knowledge_bases: Iterable[KnowledgeBase],
    mode: str = "hybrid",
    limit: int = LIMIT,
    instead_of: Message | None = None,
) -> Message:
    """The question with its answer, kept as the conversation's next message. Nothing is locked while it searches.

    Where a language model answers, the message comes back with its sources while the answer is still being written.
    `instead_of` names the message in whose place is asked again: what came after it is not looked at.
    """
    model = chosen_for(conversation)
    if model is not None:
        return begin_writing(
            conversation, question, model=model, knowledge_bases=knowledge_bases, mode=mode, instead_of=instead_of
        )
    began = time.monotonic()
    searched = standalone(question, questions_before(conversation, instead_of))
    answer = answer_once(searched, knowledge_bases=knowledge_bases, mode=mode, limit=limit)
    message = Message(
        conversation=conversation, question=question, searched=searched, answer=answer.answer,
        is_answered=answer.is_answered, mode=mode, notes=list(answer.notes),
        closest=[str(document.pk) for document in answer.closest],
        milliseconds=round((time.monotonic() - began) * 1000),
    )  # fmt: skip
    record(message, answer.citations)
    return message


def visible_citations(message: Message, *, knowledge_bases: Iterable[KnowledgeBase]) -> QuerySet[Citation]:
    """The message's sources in these knowledge bases; what the reader may no longer read is not among them."""
    return message.citations.filter(document__in=documents_in(knowledge_bases)).select_related("document")


def visible_answer(message: Message, *, knowledge_bases: Iterable[KnowledgeBase]) -> str:
    """The answer without what rests on sources that the reader may no longer read."""
    visible = set(visible_citations(message, knowledge_bases=knowledge_bases).values_list("number", flat=True))
    offered = set(message.citations.values_list("number", flat=True))
    return without(message.answer, {*numbers_in(message.answer), *offered} - visible)
