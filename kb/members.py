"""Who belongs to a knowledge base: joining, another role, leaving - never without a manager."""

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q

from kb.models import KnowledgeBase, Membership, Role, User


class LastManager(Exception):
    """The change would leave the knowledge base without anyone who may manage it."""


def join(knowledge_base: KnowledgeBase, member: User | Group, role: str) -> Membership:
    """Make the person or group a member; who is one already only gets the role."""
    whom = {"user": member} if isinstance(member, User) else {"group": member}
    with transaction.atomic():
        known = Membership.objects.filter(knowledge_base=knowledge_base, **whom).first()
        if known:
            change_role(known, role)
            return known
        return Membership.objects.create(knowledge_base=knowledge_base, role=role, **whom)


@transaction.atomic
def change_role(membership: Membership, role: str) -> None:
    """Raises LastManager if nobody would be left to manage."""
    if role != Role.MANAGER:
        _keep_a_manager(membership)
    membership.role = role
    membership.save(update_fields=["role"])


@transaction.atomic
def leave(membership: Membership) -> None:
    """Raises LastManager if nobody would be left to manage."""
    _keep_a_manager(membership)
    membership.delete()


def _keep_a_manager(without: Membership) -> None:
    # the row is locked, so that two managers cannot remove each other at the same time
    KnowledgeBase.objects.select_for_update().get(pk=without.knowledge_base_id)
    managers = Membership.objects.filter(
        Q(user=None) | Q(user__is_active=True), knowledge_base=without.knowledge_base_id, role=Role.MANAGER
    )
    if without.role == Role.MANAGER and not managers.exclude(pk=without.pk).exists():
        raise LastManager
