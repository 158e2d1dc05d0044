"""Call a worker: send a message that names a row or nothing at all."""

import logging

from kombu.exceptions import OperationalError

from kb.celery import app

log = logging.getLogger(__name__)
EXPIRES = 30  # seconds: an unheard message is not kept, the reconciler rings again


def send(task: str, *arguments: str) -> bool:
    """Ring for a task of ingestion/tasks.py; False where the broker does not answer."""
    try:
        with app.connection_for_write(connect_timeout=1, transport_options=_quick()) as connection:
            app.send_task(f"ingestion.tasks.{task}", arguments, expires=EXPIRES, retry=False, connection=connection)
        return True
    except (OperationalError, OSError) as error:
        log.warning("The message broker does not answer (%s); work goes on as soon as it does.", error)
        return False


def _quick() -> dict:
    """An upload must not wait for a broker that is away: one more try at once, where Kombu tries for six seconds."""
    return {
        **app.conf.broker_transport_options,
        "max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1,
        "socket_connect_timeout": 1, "socket_timeout": 2,
    }  # fmt: skip
