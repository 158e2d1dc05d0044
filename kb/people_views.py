"""How people come in: the first administrator, invitations, and the page of who is there."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from kb.forms import InvitationForm, NewPersonForm
from kb.invitations import InvitationClosed, accept, invite
from kb.models import Invitation, KnowledgeBase, User, digest_of

BACKEND = "django.contrib.auth.backends.ModelBackend"


def administrators_only(request) -> None:
    """Raises Http404 for everybody else: to them the page isn't there."""
    if not request.user.is_superuser:
        raise Http404


@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "HEAD", "POST"])
def setup(request):
    """The first visit makes the first administrator; afterwards there is no such page."""
    if User.objects.exists():
        return redirect("home")
    form = NewPersonForm(request.POST or None)
    if form.is_valid():
        login(request, form.administrator(), BACKEND)
        return redirect("home" if KnowledgeBase.objects.exists() else "knowledge_base_create")
    return render(request, "kb/setup.html", {"form": form}, status=422 if form.errors else 200)


@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request, token):
    invited = get_object_or_404(Invitation.objects.select_related("knowledge_base"), token_digest=digest_of(token))
    if not invited.is_open or request.user.is_authenticated:
        status = 200 if invited.is_open else 410
        return render(request, "kb/invitation_closed.html", {"invitation": invited}, status=status)
    form = NewPersonForm(request.POST or None, initial={"email": invited.email})
    if form.is_valid():
        user = form.save(commit=False)
        try:
            accept(invited, user)
        except InvitationClosed:
            return redirect("invitation", token=token)
        login(request, user, BACKEND)
        return redirect(invited.knowledge_base if _is_there(invited) else "home")
    page = {"form": form, "invitation": invited}
    return render(request, "kb/invitation.html", page, status=422 if form.errors else 200)


def _is_there(invited: Invitation) -> bool:
    return bool(invited.knowledge_base and invited.knowledge_base.deleted_at is None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def invitations(request):
    """Answers a new invitation with the page itself: its link is shown this once, as only its digest is kept."""
    administrators_only(request)
    form, link, status = InvitationForm(request.POST or None), "", 200
    if form.is_valid():
        _made, token = invite(request.user, **form.cleaned_data)
        link, status = request.build_absolute_uri(reverse("invitation", args=[token])), 201
        form = InvitationForm()
    elif form.is_bound:
        status = 422
    page = {
        "form": form,
        "link": link,
        "invitations": Invitation.objects.filter(accepted_by=None).select_related("knowledge_base"),
        "people": User.objects.all(),
    }
    return render(request, "kb/people.html", page, status=status)


@login_required
@require_POST
def invitation_revoke(request, pk):
    administrators_only(request)
    get_object_or_404(Invitation, pk=pk, accepted_by=None).delete()
    messages.success(request, _("The invitation no longer works."))
    return redirect("invitations")
