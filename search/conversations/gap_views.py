"""The page of what a knowledge base could not answer."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from kb.access import get_manageable
from kb.request import Request
from search.conversations.gaps import gaps_of

PER_PAGE = 50


@login_required
@require_safe
def gaps(request: Request, pk) -> HttpResponse:
    """Questions with their dates and comments; not who asked them."""
    knowledge_base = get_manageable(request.user, pk)
    found = gaps_of(knowledge_base).only("question", "searched", "created_at", "rating", "comment", "is_answered")
    page = {
        "knowledge_base": knowledge_base,
        "tab": "evaluation",
        "page": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "question_set": knowledge_base.question_sets.first(),
    }
    return render(request, "search/evaluation/gaps.html", page)
