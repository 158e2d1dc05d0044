"""Who may read, write and manage which knowledge bases. Nothing else decides this.

Where a program acts for a person (`user.acting_key`), it gets what the person may and its key allows, too.
"""

from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404

from kb.models import ApiKey, Document, KnowledgeBase, Membership, Role, User

WRITERS = (Role.EDITOR, Role.MANAGER)
MANAGERS = (Role.MANAGER,)
Scope = ApiKey.Scope
READING = (Scope.READ, Scope.ASK, Scope.WRITE, Scope.MANAGE)  # whoever does any of these must see what it is done to


def _with_role(user: User, roles: tuple[str, ...]) -> QuerySet[KnowledgeBase]:
    living = _of_key(user, KnowledgeBase.objects.filter(deleted_at=None))
    if not user.is_active or not user.is_authenticated:
        return living.none()
    if user.is_superuser:
        return living
    mine = Membership.objects.filter(Q(user=user) | Q(group__in=user.groups.all()), role__in=roles)
    allowed = Q(pk__in=mine.values("knowledge_base"))
    if Role.VIEWER in roles:
        allowed |= Q(open_to_everyone=True)
    return living.filter(allowed)


def _of_key(user: User, living: QuerySet[KnowledgeBase]) -> QuerySet[KnowledgeBase]:
    key = getattr(user, "acting_key", None)  # a visitor who has not signed in has none
    return living.filter(pk__in=key.knowledge_bases.values("pk")) if key and key.is_limited else living


def may(user: User, *scopes: str) -> bool:
    """Whether one of these things is among those that the acting key is for; a person's own session is for all."""
    key = getattr(user, "acting_key", None)
    return key is None or any(key.may(scope) for scope in scopes)


def may_create(user: User) -> bool:
    """Whether this person or program may make knowledge bases: a key for certain ones would not see the new one."""
    key = getattr(user, "acting_key", None)
    return may(user, Scope.MANAGE) and not (key and key.is_limited)


def readable_by(user: User) -> QuerySet[KnowledgeBase]:
    """The knowledge bases that this person may ask and read."""
    found = _with_role(user, (Role.VIEWER, *WRITERS))
    return found if may(user, *READING) else found.none()


def writable_by(user: User) -> QuerySet[KnowledgeBase]:
    """The knowledge bases to which this person may add documents, and from which remove them."""
    found = _with_role(user, WRITERS)
    return found if may(user, Scope.WRITE) else found.none()


def manageable_by(user: User) -> QuerySet[KnowledgeBase]:
    """The knowledge bases whose settings and members this person may change."""
    found = _with_role(user, MANAGERS)
    return found if may(user, Scope.MANAGE) else found.none()


def documents_in(knowledge_bases: Iterable[KnowledgeBase]) -> QuerySet[Document]:
    """The documents of these knowledge bases, without deleted ones."""
    return Document.objects.filter(knowledge_base__in=knowledge_bases, deleted_at=None)


def get_readable(user: User, pk) -> KnowledgeBase:
    """This knowledge base if the person may read it; raises Http404 otherwise."""
    return get_object_or_404(readable_by(user), pk=pk)


def get_writable(user: User, pk) -> KnowledgeBase:
    """This knowledge base if the person may write to it; raises Http404 otherwise."""
    return get_object_or_404(writable_by(user), pk=pk)


def get_manageable(user: User, pk) -> KnowledgeBase:
    """This knowledge base if the person may manage it; raises Http404 otherwise."""
    return get_object_or_404(manageable_by(user), pk=pk)


def get_readable_document(user: User, pk) -> Document:
    """This document if the person may read it; raises Http404 otherwise."""
    return get_object_or_404(documents_in(readable_by(user)).select_related("knowledge_base"), pk=pk)


def get_writable_document(user: User, pk) -> Document:
    """This document if the person may change it; raises Http404 otherwise."""
    return get_object_or_404(documents_in(writable_by(user)).select_related("knowledge_base"), pk=pk)


def chosen_among(readable: QuerySet[KnowledgeBase], chosen: list) -> list[KnowledgeBase]:
    """The chosen ones, or all where none is chosen; raises Http404 if one of the chosen is not among the readable."""
    found = list(readable.filter(pk__in=chosen)) if chosen else list(readable)
    if chosen and len(found) != len(set(map(str, chosen))):
        raise Http404
    return found
