"""End answers whose writer is gone: killed, or the machine with it."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from search.models import Message
from search.writing import end_without_model

SILENT_AFTER = timedelta(seconds=15)  # a process that kept nothing for so long has ended
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
        with translation.override("en"):  # the note is put into the language of whoever asked as it is kept
            end_if_abandoned(message)
    return len(messages)
