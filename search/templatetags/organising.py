"""How versions and what they share are called."""

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kb.models import Document
from search.models import Resemblance
from search.organising.organised import pair_of

register = template.Library()
THE_SAME = 0.995
MOSTLY = 0.6


@register.filter
def told_from(document: Document, other: Document) -> str:
    """Its title; its file name where the other has the same title, as versions often do."""
    return document.name if document.title == other.title else document.title


@register.filter
def pair(document: Document, state: str) -> Resemblance | None:
    """The first of its pairs in this state about which nobody has decided."""
    return pair_of(document, state)


@register.filter
def resemblance_words(pair: Resemblance) -> str:
    """What the later document looks like beside the earlier one, whose name follows; which version, where it is not
    the second."""
    if pair.shared >= THE_SAME and pair.later.media_type != pair.earlier.media_type:
        return _("Says in another format the same as")
    if pair.number > 2:
        return _("Looks like version %(n)d of") % {"n": pair.number}
    return _("Looks like a new version of")


@register.filter
def taken_words(number: int) -> str:
    """What a document was taken for, beside the earlier one whose name follows: the version of this number."""
    return _("Taken for version %(n)d of") % {"n": number} if number > 2 else _("Taken for a new version of")


@register.filter
def shared_words(pair: Resemblance) -> str:
    """How much is the same, in percent; of a text that became much longer, how much of the shorter one is in it."""
    if pair.shared >= MOSTLY or pair.contained <= pair.shared:
        return _("%(n)d %% the same") % {"n": _percent(pair.shared)}
    return _("%(n)d %% of the shorter one is in both") % {"n": _percent(pair.contained)}


def _percent(share: float) -> int:
    """Rounded down: 100 only where all is the same."""
    return int(share * 100 + 1e-9)


@register.filter
def change_at(history: list[Document], place: int) -> str:
    """How many characters a version has more or less than the one before it."""
    more = history[place].characters - history[place - 1].characters
    if not more:
        return _("as long as before")
    count = abs(more)
    if more > 0:
        return ngettext("%(n)s character more", "%(n)s characters more", count) % {"n": f"{count:,}"}
    return ngettext("%(n)s character less", "%(n)s characters less", count) % {"n": f"{count:,}"}
