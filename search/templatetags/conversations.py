"""The conversations that a person can go back to, for the side of every page."""

from django import template

from search.models import Conversation

register = template.Library()

SHOWN = 12


@register.simple_tag(takes_context=True)
def recent_conversations(context, limit: int = SHOWN) -> list[Conversation]:
    """The person's latest conversations, the latest first; none for who isn't signed in."""
    user = context.get("user")
    if user is None or not user.is_authenticated:
        return []
    return list(Conversation.objects.filter(user=user).only("pk", "title", "updated_at")[:limit])
