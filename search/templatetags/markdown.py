"""How an answer is shown."""

from django import template
from django.utils.safestring import SafeString

from search.markdown import html_of
from search.turns import Turn

register = template.Library()


@register.filter
def answer_html(turn: Turn) -> SafeString:
    """The answer's Markdown, with its numbers leading to the sources that the reader may see."""
    return html_of(turn.answer, turn.by_number)
