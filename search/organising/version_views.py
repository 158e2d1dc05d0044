"""What people say about two documents that look like versions of one."""

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from kb.access import get_writable_document
from kb.request import Request
from search.models import Resemblance
from search.organising.families import confirm, refuse


@login_required
@require_POST
def document_version(request: Request, pk) -> HttpResponse:
    """It is a new version ("version"), the earlier one of the two ("earlier"), or neither ("no")."""
    document = get_writable_document(request.user, pk)
    number, answer = request.POST.get("pair", ""), request.POST.get("answer")
    mine = Resemblance.objects.filter(Q(later=document) | Q(earlier=document))
    pair = get_object_or_404(mine.select_related("later", "earlier"), pk=int(number) if number.isdecimal() else 0)
    if answer == "no":
        refuse(pair)
    elif answer in ("version", "earlier"):
        confirm(pair, swap=answer == "earlier")
    if request.POST.get("back") == "list":
        return redirect(f"{reverse('knowledge_base', args=[document.knowledge_base_id])}#document-{document.pk}")
    return redirect(document)
