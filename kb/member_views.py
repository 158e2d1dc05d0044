"""The page of a knowledge base's members."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import F
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from kb.access import get_manageable, manageable_by
from kb.forms import MemberForm, RoleForm
from kb.members import LastManager, change_role, join, leave
from kb.models import Role

PEOPLE_FIRST = F("group__name").asc(nulls_first=True)  # said aloud: databases differ in where NULL sorts


def say_last_manager(request) -> None:
    messages.error(request, _("This is the last manager. Make somebody else a manager first."))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def members(request, pk):
    knowledge_base = get_manageable(request.user, pk)
    form = MemberForm(request.POST or None)
    if form.is_valid():
        try:
            join(knowledge_base, form.cleaned_data["member"], form.cleaned_data["role"])
        except LastManager:
            say_last_manager(request)
        return redirect("members", pk=pk)
    page = {
        "form": form,
        "knowledge_base": knowledge_base,
        "tab": "members",
        "roles": Role.choices,
        "memberships": knowledge_base.memberships.select_related("user", "group").order_by(
            PEOPLE_FIRST, "user__username"
        ),
    }
    return render(request, "kb/members.html", page, status=422 if form.errors else 200)


@login_required
@require_POST
def member_change(request, pk, member):
    membership = get_object_or_404(get_manageable(request.user, pk).memberships, pk=member)
    form = RoleForm(request.POST)
    if form.is_valid():
        try:
            change_role(membership, form.cleaned_data["role"])
        except LastManager:
            say_last_manager(request)
    return _back(request, pk)


@login_required
@require_POST
def member_remove(request, pk, member):
    membership = get_object_or_404(get_manageable(request.user, pk).memberships, pk=member)
    try:
        leave(membership)
    except LastManager:
        say_last_manager(request)
    return _back(request, pk)


def _back(request, pk):
    """To the members, or to the shelf for who has just left."""
    still = manageable_by(request.user).filter(pk=pk).exists()
    return redirect("members", pk=pk) if still else redirect("knowledge_bases")
