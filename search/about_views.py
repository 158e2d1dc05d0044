"""The documents that a question of a conversation is about, shown when they are asked for."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from kb.access import readable_by
from kb.models import KnowledgeBase, User
from kb.request import Request
from search.about import about
from search.models import Conversation, Message


@login_required
@require_safe
def message_documents(request: Request, pk: int) -> HttpResponse:
    """The documents that a question of the person's own is about, of those that they may read now."""
    own = Message.objects.filter(conversation__user=request.user).select_related("conversation")
    message = get_object_or_404(own, pk=pk)
    scope = _scope(request.user, message.conversation)
    found = about(message.searched or message.question, knowledge_bases=scope)
    fragment = request.htmx and not request.htmx.boosted
    template = "search/_message_documents.html" if fragment else "search/message_documents.html"
    return render(request, template, {"message": message, "documents_about": found})


def _scope(user: User, conversation: Conversation) -> list[KnowledgeBase]:
    """What the conversation is about, else everything, of what the person may read now."""
    chosen = conversation.knowledge_bases.all()
    return list(readable_by(user).filter(pk__in=chosen) if chosen.exists() else readable_by(user))
