"""How passages and their ranks are shown."""

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from search.conversations.markdown_export import answer_markdown
from search.conversations.turns import Turn
from search.forms import MODES
from search.highlight import Segment, excerpt, segments
from search.models import Citation
from search.passage_link import passage_url

register = template.Library()


@register.filter
def pieces(passage) -> list[Segment]:
    """The text of a passage or citation in pieces, each with whether one of its marked sentences covers it."""
    return segments(passage.text, passage.start, passage.marks)


@register.filter
def excerpted(passage) -> list[Segment]:
    """The same from shortly before the first marked sentence on."""
    return excerpt(passage.text, passage.start, passage.marks)


@register.filter
def explained(ranks: dict[str, int]) -> str:
    """How a passage was found: "by meaning #2, by words #1"."""
    ways = {"vector": _("by meaning"), "keyword": _("by words")}
    return ", ".join(f"{name} #{ranks[leg]}" for leg, name in ways.items() if ranks.get(leg))


@register.filter
def opened_by(citation: Citation, turn: Turn | None) -> str:
    """Where a source leads who reads this turn; without a turn, whose answer it is."""
    return passage_url(citation, is_own=turn.is_own if turn else True)


@register.filter
def as_markdown(turn: Turn) -> str:
    """An answer with its sources, to be copied."""
    return answer_markdown(turn)


@register.filter
def mode_name(mode: str) -> str:
    """How a way of searching is called."""
    return str(dict(MODES).get(mode, mode))


@register.filter
def under(mapping: dict, key):
    """The value under a key, or None."""
    return mapping.get(key)


@register.filter
def as_time(milliseconds: int) -> str:
    """As people read it: "37 ms", "5.9 s"."""
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{number_format(milliseconds / 1000, 1)} s"
