"""The panel's page of what was never embedded, a knowledge base a line."""

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from kb.admin_site import LecternAdminSite
from kb.models import KnowledgeBase
from search.ledger import accounts


def never_embedded(site: LecternAdminSite, request: HttpRequest) -> HttpResponse:
    """For administrators: the share of text that no model has read, of every knowledge base."""
    living = KnowledgeBase.objects.filter(deleted_at=None)
    context = {**site.each_context(request), "title": _("Never embedded"), "accounts": accounts(living)}
    return TemplateResponse(request, "admin/never_embedded.html", context)
