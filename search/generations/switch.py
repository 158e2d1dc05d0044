"""Let another generation serve: forward when it is built, back to the previous one, or not at all."""

import logging
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kb.models import KnowledgeBase
from search.evaluation.trial import Trial, trial_of
from search.generations.current import MAKING, in_the_making, lacking, previous_index
from search.generations.refusals import lost
from search.generations.wanted import ask_for, shape_of
from search.models import Index, SearchSettings
from search.settings.tuning import settings_for
from search.whole import lacking_whole

log = logging.getLogger(__name__)
State = Index.State


class SwitchError(Exception):
    """It cannot be done now; `message` says why, for people."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def complete(index: Index, unreadable: Collection[UUID] = ()) -> bool:
    """Call an index built if every finished document is in it, and let it serve if that is to happen by itself.

    Each must have a vector of its whole text, too, but for those of which none can be made.
    """
    if lacking(index).exists() or lacking_whole(index).exclude(pk__in=unreadable).exists():
        return False
    done = {"tokens_at_first": F("tokens_done"), "whole_at_first": F("whole_done")}
    now = {"state": State.BUILT, "built_at": timezone.now(), "note": "", **done}
    Index.objects.filter(pk=index.pk, state=State.BUILDING).update(**now)
    index.refresh_from_db()
    if index.state == State.BUILT:
        decide(index)
    return True


def decide(index: Index) -> bool:
    """Let a built index serve if it is to do so by itself, is not worse on the saved questions, and loses nothing."""
    trial = trial_of(index)
    asked = settings_for(index.knowledge_base)
    if asked.switch == SearchSettings.Switch.BY_HAND or trial.state == Trial.State.RUNNING:
        return False
    if trial.state in (Trial.State.WORSE, Trial.State.FAILED):
        return _leave(index, trial.sentence)
    if not asked.switch_without_refused and (number := lost(index).count()):
        return _leave(index, _loses(number))
    try:
        switch_to(index, without_refused=True)
    except SwitchError as error:
        log.info("%s does not serve yet: %s", index, error.message)
        return False
    return True


def _leave(index: Index, why: str) -> bool:
    """To a person."""
    Index.objects.filter(pk=index.pk).exclude(note=why).update(note=why)
    return False


def _loses(number: int) -> str:
    return ngettext(
        "Its model refuses one document that is found now, so a person decides whether it is put to use without it.",
        "Its model refuses %(n)d documents that are found now, so a person decides whether it is put to use without "
        "them.",
        number,
    ) % {"n": number}


def switch_to(index: Index, *, without_refused: bool = False) -> None:
    """Let a built index serve, in one transaction; the one that served is kept to go back to.

    Raises SwitchError, also where it would lose documents that its model refuses, unless that is wanted.
    """
    with transaction.atomic():
        locked = Index.objects.select_for_update().get(pk=index.pk)
        if locked.state != State.BUILT:
            raise SwitchError(_("Only an index that is built can be put to use."))
        if waiting := lacking(locked).count():
            raise SwitchError(_lack(waiting))
        if not without_refused and (number := lost(locked).count()):
            raise SwitchError(_loses(number))
        of_base = Index.objects.filter(knowledge_base=locked.knowledge_base_id)
        now = timezone.now()
        of_base.filter(state=State.PREVIOUS).update(state=State.RETIRED)
        of_base.filter(state=State.SERVING).update(state=State.PREVIOUS, retired_at=now)
        of_base.filter(pk=locked.pk).update(state=State.SERVING, served_at=now, note="", retired_at=None)
    log.info("Index %s serves %s now.", index.pk, index.knowledge_base)


def _lack(number: int) -> str:
    return ngettext(
        "One document is not in it yet; it can be put to use as soon as it is complete.",
        "%(n)d documents are not in it yet; it can be put to use as soon as it is complete.",
        number,
    ) % {"n": number}


def roll_back(knowledge_base: KnowledgeBase) -> Index:
    """Let the previous index serve again as it was, in one transaction, and the settings ask for it.

    The one that served takes its place, so that this can be taken back, too. Documents that came since are put into
    it by the embed worker; whatever was in the making retires. Raises SwitchError where there is no previous one.
    """
    with transaction.atomic():
        base = KnowledgeBase.objects.select_for_update().get(pk=knowledge_base.pk)
        previous = previous_index(base)
        if previous is None:
            raise SwitchError(_("There is no previous index to go back to."))
        indexes, now = Index.objects.filter(knowledge_base=base), timezone.now()
        indexes.filter(state__in=MAKING).update(state=State.RETIRED, retired_at=now)
        (served,) = indexes.filter(state=State.SERVING).values_list("pk", flat=True)
        indexes.filter(pk=served).update(state=State.RETIRED, retired_at=now)  # one of each: they change in turn
        indexes.filter(pk=previous.pk).update(state=State.SERVING, served_at=now, retired_at=None, note="")
        indexes.filter(pk=served).update(state=State.PREVIOUS)
        ask_for(base, shape_of(previous))
    previous.refresh_from_db()
    log.info("Index %s serves %s again.", previous.pk, base)
    return previous


def cancel(knowledge_base: KnowledgeBase) -> None:
    """Give up the index that is in the making; the settings ask for what serves. Raises SwitchError if none is."""
    with transaction.atomic():
        base = KnowledgeBase.objects.select_for_update().get(pk=knowledge_base.pk)
        if in_the_making(base) is None:
            raise SwitchError(_("No index is being built."))
        indexes = Index.objects.filter(knowledge_base=base)
        indexes.filter(state__in=MAKING).update(state=State.RETIRED, retired_at=timezone.now())
        serving = indexes.select_related("preset", "chunking").get(state=State.SERVING)
        ask_for(base, shape_of(serving))


def forget_previous(knowledge_base: KnowledgeBase) -> bool:
    """Free what the previous index takes up; there is no going back to it then."""
    previous = Index.objects.filter(knowledge_base=knowledge_base, state=State.PREVIOUS)
    return bool(previous.update(state=State.RETIRED))


def forget_old() -> int:
    """Do so wherever the previous index was replaced KB_KEEP_PREVIOUS_DAYS ago."""
    then = timezone.now() - timedelta(days=settings.KB_KEEP_PREVIOUS_DAYS)
    return Index.objects.filter(state=State.PREVIOUS, retired_at__lte=then).update(state=State.RETIRED)
