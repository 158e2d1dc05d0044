"""What a knowledge base was asked without an answer, or with one that did not help."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from kb.models import KnowledgeBase
from search.models import Citation, Conversation, Message

BEST = 1  # the number of the nearest passage


def gaps_of(knowledge_base: KnowledgeBase) -> QuerySet[Message]:
    """The newest first. Only what was asked of this knowledge base.

    That is what was asked with it chosen as the place to look; and of what was asked of all that a person may read,
    that whose nearest passage is from here (or all of it, where there is no other knowledge base).
    """
    poor = Q(is_answered=False, state=Message.State.DONE) | Q(rating=Message.Rating.DOWN)
    standing = Message.objects.filter(poor, replaced_by=None).exclude(state=Message.State.WRITING)
    return standing.filter(_asked_of(knowledge_base)).order_by("-created_at", "-pk")


def _asked_of(knowledge_base: KnowledgeBase) -> Q:
    chosen = Conversation.knowledge_bases.through.objects.filter(conversation=OuterRef("conversation"))
    here = Citation.objects.filter(
        message=OuterRef("pk"), number=BEST, document__knowledge_base=knowledge_base, document__deleted_at=None
    )
    others = KnowledgeBase.objects.filter(deleted_at=None).exclude(pk=knowledge_base.pk)
    nearest_here = Q(Exists(here)) if others.exists() else Q()
    return Q(Exists(chosen.filter(knowledgebase=knowledge_base))) | (~Q(Exists(chosen)) & nearest_here)
