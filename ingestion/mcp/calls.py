"""Whoever calls, and how what they ask for is done off the event loop."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.conf import settings
from django.db import connections
from django.http import Http404
from django.utils import translation
from django.utils.translation import gettext as _
from pydantic import ValidationError

from ingestion.errors import IngestionError
from kb.access import may
from kb.acting import acts
from kb.api_errors import ApiError
from kb.models import Call, User

log = logging.getLogger(__name__)
Result = TypeVar("Result")

TELL_EVERY = 5.0  # seconds: a client that wants to know is told that the work goes on
_threads = ThreadPoolExecutor(32, thread_name_prefix="mcp")  # most of them wait for a language model


@dataclass(frozen=True)
class Caller:
    """The person for whom a program calls; `gone` is set once nobody waits for the answer any more."""

    user: User
    gone: threading.Event = field(default_factory=threading.Event)


class Refusal(Exception):
    """What cannot be done, as a sentence for the model and its person. `is_missing`: there is no such thing."""

    def __init__(self, message: str, *, is_missing: bool = False) -> None:
        super().__init__(message)
        self.message, self.is_missing = message, is_missing


async def work(
    who: Callable[[], User],
    task: Callable[[Caller], Result],
    tell: Callable[[float], Awaitable[None]] | None = None,
) -> Result:
    """What `task` gives for this person, done in a thread; raises Refusal.

    `tell` is awaited with the seconds passed, every few seconds. Whoever is cancelled sets `Caller.gone`.
    """
    gone, began = threading.Event(), asyncio.get_running_loop().time()
    doing = asyncio.get_running_loop().run_in_executor(_threads, _done, who, task, gone)
    try:
        while not (await asyncio.wait({doing}, timeout=TELL_EVERY))[0]:
            if tell:
                await tell(asyncio.get_running_loop().time() - began)
        return doing.result()
    except asyncio.CancelledError:
        gone.set()
        raise


def _done(who: Callable[[], User], task: Callable[[Caller], Result], gone: threading.Event) -> Result:
    try:
        user = who()
        key = user.acting_key
        asks = acts(caller=Call.Caller.MCP, user=user.pk, api_key=key.pk if key else None)
        with asks, translation.override(user.language or settings.LANGUAGE_CODE):
            return _refusing(task, Caller(user, gone))
    except ApiError as error:
        raise Refusal(error.message) from error
    finally:
        connections.close_all()


def _refusing(task: Callable[[Caller], Result], caller: Caller) -> Result:
    """The errors that have a sentence bring it; what nobody foresaw is in the log."""
    try:
        return task(caller)
    except Refusal:
        raise
    except Http404:
        raise Refusal(_("There is nothing here, or it is not yours to see."), is_missing=True) from None
    except IngestionError as error:
        raise Refusal(error.message) from error
    except ValidationError as error:
        raise Refusal(" ".join(map(_sentence, error.errors()))) from error
    except Exception as error:
        log.exception("A call over MCP failed")
        raise Refusal(_("Lectern could not do this because of an error of its own. It is in the log.")) from error


def _sentence(error: Any) -> str:
    """`limit: Input should be less than or equal to 50.`"""
    place, text = ".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{place}: {text}." if place else f"{text}."


def must_be_for(caller: Caller, scopes: tuple[str, ...]) -> None:
    """Raises Refusal where the caller's key has none of these scopes."""
    if not may(caller.user, *scopes):
        wanted = _(" or ").join(f"“{scope}”" for scope in scopes)
        raise Refusal(_("This API key is not for this: it has not the scope %(scopes)s.") % {"scopes": wanted})
