"""Where a conversation looks."""

from collections.abc import Sequence

from kb.access import chosen_among, readable_by
from kb.models import KnowledgeBase, User
from search.models import Conversation


def scope_of(user: User, conversation: Conversation, chosen: Sequence = ()) -> list[KnowledgeBase]:
    """What is chosen, else what the conversation is about, of what the person may read now. Raises Http404."""
    if chosen:
        return chosen_among(readable_by(user), list(chosen))
    about = conversation.knowledge_bases.all()
    return list(readable_by(user).filter(pk__in=about) if about.exists() else readable_by(user))
