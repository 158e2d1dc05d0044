"""The admin panel as a place: who may enter, and what its pages may load."""

from functools import wraps

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.sites import UnfoldAdminSite

# The panel's Alpine compiles the expressions in its markup and sets styles in it; still nothing comes from elsewhere.
POLICY = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}


class LecternAdminSite(UnfoldAdminSite):
    """For administrators alone: whoever sees every row here may read every knowledge base anyway."""

    index_title = ""

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_superuser

    def admin_view(self, view, cacheable: bool = False):
        guarded = super().admin_view(view, cacheable)
        return wraps(guarded)(csp_replace(POLICY)(guarded))

    def login(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """One door: strangers are sent to the product's own login, everyone who is in but no administrator gets 404."""
        if request.user.is_authenticated:
            raise Http404
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))

    def logout(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        raise Http404  # the product's own logout is the one
