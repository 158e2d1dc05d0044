"""Hold what a kept answer says against its sources."""

import logging

from search.answering.keep import by_number
from search.bear_out import borne_out
from search.models import Message

log = logging.getLogger(__name__)


def check(message_id: int) -> None:
    """Keep what supports each sentence. Does nothing where that is done; may take some seconds."""
    message = Message.objects.filter(pk=message_id, awaits_check=True).first()
    if message is None:
        return
    passages = by_number(list(message.citations.select_related("document").order_by("number")))
    try:
        supports = [one.as_json() for one in borne_out(message.answer, passages)]
    except Exception:  # asked again it would fail again
        log.exception("The answer of message %s stands without being checked", message_id)
        supports = []
    Message.objects.filter(pk=message_id, awaits_check=True).update(support=supports, awaits_check=False)
