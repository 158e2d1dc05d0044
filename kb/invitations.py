"""Invite a new person by a link that works once, and let them in."""

import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from kb.members import join
from kb.models import Invitation, KnowledgeBase, User, digest_of


class InvitationClosed(Exception):
    """Someone used the invitation meanwhile, or its time is over."""


def invite(
    by: User, *, email: str = "", knowledge_base: KnowledgeBase | None = None, role: str
) -> tuple[Invitation, str]:
    """A new invitation and its token, which is shown once: only its digest is kept."""
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        email=email,
        knowledge_base=knowledge_base,
        role=role,
        invited_by=by,
        token_digest=digest_of(token),
        expires_at=timezone.now() + timedelta(days=settings.INVITATION_DAYS),
    )
    return invitation, token


@transaction.atomic
def accept(invitation: Invitation, user: User) -> None:
    """Save the new person, and make them the member that the invitation promises. Raises InvitationClosed."""
    invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if not invitation.is_open:
        raise InvitationClosed
    user.save()
    invitation.accepted_by = user
    invitation.save(update_fields=["accepted_by"])
    if invitation.knowledge_base and invitation.knowledge_base.deleted_at is None:
        join(invitation.knowledge_base, user, invitation.role)
