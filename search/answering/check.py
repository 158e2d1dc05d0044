"""Hold what a kept answer says against its sources."""

import logging

from django.db import transaction

from search.answering.keep import by_number, marked
from search.bear_out import Held, held
from search.models import Citation, Message

log = logging.getLogger(__name__)


def check(message_id: int) -> None:
    """Keep what supports each sentence, with numbers behind those that had none and that a source bears out.

    Does nothing where that is done; may take some seconds.
    """
    message = Message.objects.filter(pk=message_id, awaits_check=True).first()
    if message is None:
        return
    citations = list(message.citations.select_related("document").order_by("number"))
    try:
        answer = held(message.answer, by_number(citations))
    except Exception:  # asked again it would fail again
        log.exception("The answer of message %s stands without being checked", message_id)
        answer = Held(message.answer, (), message.is_answered)
    _write(message, citations, answer)


@transaction.atomic
def _write(message: Message, citations: list[Citation], answer: Held) -> None:
    support = [one.as_json() for one in answer.supports]
    changed = {"answer": answer.text, "is_answered": answer.is_answered, "support": support, "awaits_check": False}
    if not Message.objects.filter(pk=message.pk, awaits_check=True).update(**changed):
        return  # checked by another meanwhile
    if (answer.text, answer.is_answered) != (message.answer, message.is_answered):
        message.answer, message.is_answered = answer.text, answer.is_answered
        Citation.objects.bulk_update(marked(message, citations), ["marks", "is_cited", "page", "heading_path"])
