"""Recognise a program by its API key, and hold it to what the key is for."""

from collections.abc import Callable
from datetime import timedelta

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from ninja.security import APIKeyHeader, HttpBearer

from kb.api_errors import ApiError
from kb.calls_a_minute import limit_of, seconds_to_wait
from kb.models import ApiKey, User, digest_of

NOTE_USE_EVERY = timedelta(minutes=1)
SAFE = ("GET", "HEAD", "OPTIONS")


def user_of(secret: str, *scopes: str) -> User | None:
    """The person for whom this secret acts, with the key as `acting_key`; None where it is unknown or revoked, or the
    person may not sign in.

    Every call counts. Raises ApiError: 401 for an expired key, 429 for one that called too often, 403 where `scopes`
    are given and the key is for none of them.
    """
    key = _key_of(secret)
    if key is None:
        return None
    _must_not_hurry(key)
    if scopes and not any(key.may(scope) for scope in scopes):
        raise _not_for(key, scopes)
    _note_use(key)
    key.user.acting_key = key
    return key.user


def person_behind(secret: str) -> User | None:
    """The same for a call that another process has let in and counted. Raises ApiError: 401 for an expired key."""
    key = _key_of(secret)
    if key is None:
        return None
    key.user.acting_key = key
    return key.user


def _key_of(secret: str) -> ApiKey | None:
    key = ApiKey.objects.select_related("user").filter(digest=digest_of(secret.strip()), revoked_at=None).first()
    if key is None or not key.user.is_active:
        return None
    _must_last(key)
    return key


def _must_last(key: ApiKey) -> None:
    if key.expires_at and key.has_expired:
        said = _("The API key “%(name)s” expired on %(date)s. Make another one in your account.")
        raise ApiError(401, said % {"name": key.name, "date": date_format(key.expires_at)}, "expired")


def _must_not_hurry(key: ApiKey) -> None:
    wait = seconds_to_wait(key)
    if wait:
        limit = limit_of(key)
        said = ngettext(
            "The API key “%(name)s” may make %(n)d call a minute. Try again in %(wait)d s.",
            "The API key “%(name)s” may make %(n)d calls a minute. Try again in %(wait)d s.",
            limit,
        )
        raise ApiError(429, said % {"name": key.name, "n": limit, "wait": wait}, **{"Retry-After": str(wait)})


def _not_for(key: ApiKey, scopes: tuple[str, ...]) -> ApiError:
    wanted = _(" or ").join(f"“{scope}”" for scope in scopes)
    said = _("The API key “%(name)s” is not for this: it has not the scope %(scopes)s.")
    return ApiError(403, said % {"name": key.name, "scopes": wanted}, "scope")


def _note_use(key: ApiKey) -> None:
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - NOTE_USE_EVERY:  # not a write a request
        unnoted = Q(last_used_at=None) | Q(last_used_at__lt=now - NOTE_USE_EVERY)
        ApiKey.objects.filter(unnoted, pk=key.pk).update(last_used_at=now)


def sign_in(request: HttpRequest, secret: str | None, *scopes: str) -> User | None:
    """As user_of, and the request is that person's from then on."""
    user = user_of(secret, *scopes) if secret else None
    if user is not None:
        request.user = user  # so that what follows, as the rule against caches, knows whose answer this is
    return user


class BearerKey(HttpBearer):
    """`Authorization: Bearer lec_...`"""

    def __init__(self, scope_of: Callable[[HttpRequest], str]) -> None:
        super().__init__()
        self.scope_of = scope_of

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        return sign_in(request, token, self.scope_of(request))


class HeaderKey(APIKeyHeader):
    """`X-API-Key: lec_...`"""

    param_name = "X-API-Key"

    def __init__(self, scope_of: Callable[[HttpRequest], str]) -> None:
        super().__init__()
        self.scope_of = scope_of

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        return sign_in(request, key, self.scope_of(request))


def keys(scope: str, *, to_read: str = "") -> list:
    """How an operation or a router of the API is entered: by a key with this scope; `to_read` is that of its GETs."""

    def scope_of(request: HttpRequest) -> str:
        return to_read if to_read and request.method in SAFE else scope

    return [BearerKey(scope_of), HeaderKey(scope_of)]
