"""How an answer is shown."""

from django import template
from django.utils.safestring import SafeString

from search.claim_notes import notes_of
from search.conversations.turns import Turn
from search.markdown import html_of

register = template.Library()


@register.filter
def answer_html(turn: Turn) -> SafeString:
    """The answer's Markdown: numbers lead to the passages that the reader may see, notes tell what these do not say."""
    return html_of(turn.answer, turn.by_number, notes_of(turn), is_own=turn.is_own)
