"""Who is acting, and on which knowledge base: carried beside the work to where calls of models are written down.

It lives in a context variable, which asyncio's tasks inherit and threads do not: a pool's work is handed over with
`contextvars.copy_context().run`. Where nobody has said who is acting, it is a worker on its own account.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from kb.models import Call

PROGRAMS = ("/api/", "/v1/")  # addresses that programs use


@dataclass(frozen=True)
class Acting:
    """One of Call.Caller, and the keys of the rows of the person, the API key and the knowledge base, where known."""

    caller: str = Call.Caller.INGESTION
    user: int | None = None
    api_key: int | None = None
    knowledge_base: str | None = None


NOBODY = Acting()
_acting: ContextVar[Acting | Callable[[], Acting]] = ContextVar("acting", default=NOBODY)


def acting() -> Acting:
    """Who is acting now."""
    found = _acting.get()
    return found if isinstance(found, Acting) else found()


@contextmanager
def acts(**known: Any) -> Iterator[None]:
    """Within, `known` fields of Acting hold; the others stay as they are."""
    if isinstance(known.get("knowledge_base"), UUID):
        known["knowledge_base"] = str(known["knowledge_base"])
    before = _acting.get()
    if isinstance(before, Acting):
        now: Acting | Callable[[], Acting] = replace(before, **known)
    else:
        asked = before  # a request: whose it is may turn out later
        now = lambda: replace(asked(), **known)  # noqa: E731
    token = _acting.set(now)
    try:
        yield
    finally:
        _acting.reset(token)


def about(knowledge_bases: Iterable[UUID | None]):
    """Within, all is about the knowledge base of this id; about none in particular where there are several."""
    found = {pk for pk in knowledge_bases if pk}
    return acts(knowledge_base=str(found.pop()) if len(found) == 1 else None)


@contextmanager
def asks(request: HttpRequest) -> Iterator[Context]:
    """Within, it is the person or the program behind the request; gives the context for what outlives it."""
    token = _acting.set(lambda: _behind(request))
    try:
        yield copy_context()
    finally:
        _acting.reset(token)


def _behind(request: HttpRequest) -> Acting:
    user: Any = getattr(request, "user", None)
    key = getattr(user, "acting_key", None)
    by_program = key is not None or request.path.startswith(PROGRAMS)
    return Acting(
        Call.Caller.API if by_program else Call.Caller.SEARCH, getattr(user, "pk", None), key.pk if key else None
    )


def as_json() -> dict[str, Any]:
    """Who is acting, for another process."""
    return asdict(acting())


def acts_as(said: dict[str, Any] | None):
    """Within, it is who another process says."""
    return acts(**asdict(Acting(**(said or {}))))
