"""Reach Redis, through which workers are called, and ask whether it answers."""

from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from redis import Redis


def connect(seconds: float) -> "Redis":
    """A client that tries once, within that time, at its first command. Raises OSError where no Redis was started."""
    import redis  # takes as long to import as the rest of a page
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    url = settings.KB_REDIS_URL.replace("redis+socket://", "unix://")  # Celery's word, and the Redis client's
    if url.startswith("unix://") and not Path(url.removeprefix("unix://").partition("?")[0]).exists():
        raise OSError(_("it was not started"))
    return redis.Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_timeout=seconds, socket_connect_timeout=seconds
    )


def ping(seconds: float) -> None:
    """Returns when it answers; raises OSError with the reason when it doesn't within that time. Tries once."""
    with connect(seconds) as client:
        import redis

        try:
            client.ping()
        except redis.RedisError as error:
            raise OSError(str(error)) from error
