"""Count the calls of each API key, over all processes, and say when it must wait."""

import logging
import time
from typing import TYPE_CHECKING

from django.conf import settings

from kb import broker
from kb.kept import Kept
from kb.models import ApiKey

if TYPE_CHECKING:
    from redis import Redis

log = logging.getLogger(__name__)

WINDOW = 60  # seconds, from a key's first call on
PATIENCE = 0.25  # seconds that a call may wait for Redis
REST = 5.0  # seconds for which a Redis that does not answer is left alone
_resting_until = 0.0


def limit_of(key: ApiKey) -> int:
    """Calls a minute that the key may make: its own limit, and never more than the installation's; 0: any number."""
    return min(filter(None, (key.calls_a_minute, settings.KB_API_CALLS_A_MINUTE)), default=0)


def seconds_to_wait(key: ApiKey) -> int:
    """Counts a call; 0 where it may go on. Where Redis is away nothing is counted, and every call may."""
    limit = limit_of(key)
    if not limit or time.monotonic() < _resting_until:
        return 0
    try:
        count, left = _counted(key.pk)
    except OSError as error:
        _rest(error)
        return 0
    return max(1, left) if count > limit else 0


def _counted(pk: int) -> tuple[int, int]:
    """Calls in this minute with the present one, and the seconds that are left of it. Raises OSError."""
    import redis

    name = f"lectern:calls:{pk}"
    try:
        with _clients.of(settings.KB_REDIS_URL).pipeline() as at_once:
            at_once.set(name, 0, ex=WINDOW, nx=True)
            at_once.incr(name)
            at_once.ttl(name)
            _made, count, left = at_once.execute()
    except redis.RedisError as error:
        raise OSError(str(error)) from error
    return count, left


_clients: "Kept[str, Redis]" = Kept(lambda url: broker.connect(PATIENCE))


def _rest(error: OSError) -> None:
    global _resting_until
    _resting_until = time.monotonic() + REST
    log.warning("Calls of API keys are not counted, as Redis does not answer: %s", error)
