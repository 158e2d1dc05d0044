"""Make good what a process that is gone, killed or its machine with it, left of its answers."""

from contextlib import AbstractContextManager
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from kb.acting import acts
from kb.models import Call
from search.answering.check import check
from search.models import Message
from search.writing import about_sources_of, end_without_model

SILENT_AFTER = timedelta(seconds=15)  # a process that kept nothing for so long has ended
UNCHECKED_AFTER = timedelta(minutes=2)  # one that is busy checks what it kept within that time
CHECKED_A_SWEEP = 5  # each may take some seconds
BROKEN_OFF = _("The process that wrote this answer was ended in the middle of it.")


def end_if_abandoned(message: Message) -> Message:
    """The message, ended by the passages' own sentences where nobody writes it any more."""
    alive_at = message.beat_at or message.created_at
    if message.state == Message.State.WRITING and alive_at < timezone.now() - SILENT_AFTER:
        end_without_model(message, str(BROKEN_OFF))
    return message


def end_abandoned() -> int:
    """The same for all messages; how many there were."""
    silent = timezone.now() - SILENT_AFTER
    alive_at = Q(beat_at__lt=silent) | Q(beat_at=None, created_at__lt=silent)
    messages = list(Message.objects.filter(alive_at, state=Message.State.WRITING).select_related("conversation"))
    for message in messages:
        with _whoever_asked(message), translation.override("en"):  # the note is put into their language as it is kept
            end_if_abandoned(message)
    return len(messages)


def check_left() -> int:
    """Hold against their sources the answers for which nobody did; how many there were."""
    left = Message.objects.filter(awaits_check=True, beat_at__lt=timezone.now() - UNCHECKED_AFTER)
    messages = list(left.select_related("conversation").order_by("beat_at")[:CHECKED_A_SWEEP])
    for message in messages:
        with _whoever_asked(message), about_sources_of(message):
            check(message.pk)
    return len(messages)


def _whoever_asked(message: Message) -> AbstractContextManager[None]:
    """Within, what is asked of models is written down as theirs."""
    return acts(caller=Call.Caller.SEARCH, user=message.conversation.user_id)
