"""Recognise a program by its API key."""

from datetime import timedelta

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import APIKeyHeader, HttpBearer

from kb.models import ApiKey, User, digest_of

NOTE_USE_EVERY = timedelta(minutes=1)


def user_of(secret: str) -> User | None:
    """The person for whom this secret acts; None if it is unknown or revoked, or the person may not sign in."""
    key = ApiKey.objects.select_related("user").filter(digest=digest_of(secret), revoked_at=None).first()
    if key is None or not key.user.is_active:
        return None
    _note_use(key)
    return key.user


def _note_use(key: ApiKey) -> None:
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - NOTE_USE_EVERY:  # not a write a request
        unnoted = Q(last_used_at=None) | Q(last_used_at__lt=now - NOTE_USE_EVERY)
        ApiKey.objects.filter(unnoted, pk=key.pk).update(last_used_at=now)


def _sign_in(request: HttpRequest, secret: str | None) -> User | None:
    user = user_of(secret.strip()) if secret else None
    if user is not None:
        request.user = user  # so that what follows, as the rule against caches, knows whose answer this is
    return user


class BearerKey(HttpBearer):
    """`Authorization: Bearer lec_...`"""

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        return _sign_in(request, token)


class HeaderKey(APIKeyHeader):
    """`X-API-Key: lec_...`"""

    param_name = "X-API-Key"

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        return _sign_in(request, key)
