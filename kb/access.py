"""Who may read, write and manage which knowledge bases. Nothing else decides this."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404

from kb.models import Document, KnowledgeBase, Membership, Role, User

WRITERS = (Role.EDITOR, Role.MANAGER)
MANAGERS = (Role.MANAGER,)


def _with_role(user: User, roles: tuple[str, ...]) -> QuerySet[KnowledgeBase]:
    living = KnowledgeBase.objects.filter(deleted_at=None)
    if not user.is_active or not user.is_authenticated:
        return living.none()
    if user.is_superuser:
        return living
    mine = Membership.objects.filter(Q(user=user) | Q(group__in=user.groups.all()), role__in=roles)
    allowed = Q(pk__in=mine.values("knowledge_base"))
    if Role.VIEWER in roles:
        allowed |= Q(open_to_everyone=True)
    return living.filter(allowed)


def readable_by(user: User) -> QuerySet[KnowledgeBase]:
    """The knowledge bases that this person may ask and read."""
    return _with_role(user, (Role.VIEWER, *WRITERS))


def writable_by(user: User) -> QuerySet[KnowledgeBase]:
    """The knowledge bases to which this person may add documents, and from which remove them."""
    return _with_role(user, WRITERS)


def manageable_by(user: User) -> QuerySet[KnowledgeBase]:
    """The knowledge bases whose settings and members this person may change."""
    return _with_role(user, MANAGERS)


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
