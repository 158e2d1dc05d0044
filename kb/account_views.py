"""A person's own pages: account, password, API keys, language, appearance."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import PasswordChangeView
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django.views.i18n import set_language

from kb.forms import AccountForm, ApiKeyForm
from kb.models import User


def _account(request, status=200, **page):
    page = {"form": AccountForm(instance=request.user), "key_form": ApiKeyForm(user=request.user)} | page
    page["keys"] = request.user.api_keys.filter(revoked_at=None).prefetch_related("knowledge_bases")
    page["most_calls"] = settings.KB_API_CALLS_A_MINUTE
    return render(request, "kb/account.html", page, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request):
    if request.method != "POST":
        return _account(request)
    form = AccountForm(request.POST, instance=User.objects.get(pk=request.user.pk))
    if not form.is_valid():
        return _account(request, form=form, status=422)
    form.save()
    messages.success(request, _("Your account is saved."))
    return redirect("account")


class PasswordView(PasswordChangeView):
    template_name = "kb/password.html"
    success_url = reverse_lazy("account")

    def form_valid(self, form):
        messages.success(self.request, _("Your password is changed."))
        return super().form_valid(form)


@login_required
@require_POST
def api_key_create(request):
    """Answers with the page itself: the secret is shown this once and kept nowhere."""
    form = ApiKeyForm(request.POST, user=request.user)
    if not form.is_valid():
        return _account(request, key_form=form, status=422)
    key, secret = form.issue()
    return _account(request, new_key=key, secret=secret, status=201)


@login_required
@require_POST
def api_key_revoke(request, pk):
    key = get_object_or_404(request.user.api_keys, pk=pk, revoked_at=None)
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at"])
    messages.success(request, _("The key “%(name)s” no longer works.") % {"name": key.name})
    return redirect("account")


@require_POST
def language(request):
    """For a person who is signed in it is kept in the account, for others in a cookie."""
    chosen = request.POST.get("language", "")
    if request.user.is_authenticated and chosen in dict(User.language.field.choices) and check_for_language(chosen):
        User.objects.filter(pk=request.user.pk).update(language=chosen)
    return set_language(request)


@login_required
@require_POST
def theme(request):
    chosen, back = request.POST.get("theme"), request.POST.get("next", "")
    if chosen in User.Theme.values:
        User.objects.filter(pk=request.user.pk).update(theme=chosen)
    safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return redirect(back if safe else "account")
