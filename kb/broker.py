"""Ask Redis, through which workers are called, whether it answers."""

from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _


def ping(seconds: float) -> None:
    """Returns when it answers; raises OSError with the reason when it doesn't within that time. Tries once."""
    import redis  # takes as long to import as the rest of a page
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    url = settings.KB_REDIS_URL.replace("redis+socket://", "unix://")  # Celery's word, and the Redis client's
    if url.startswith("unix://") and not Path(url.removeprefix("unix://").partition("?")[0]).exists():
        raise OSError(_("it was not started"))
    limits = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    try:
        with redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **limits) as client:
            client.ping()
    except redis.RedisError as error:
        raise OSError(str(error)) from error
