"""Serve the process that writes answers until a signal ends it."""

from typing import Any

import uvicorn

from search.answering.app import app, stop_from_signal

FOLLOWERS_SECONDS = 10  # for them to read the end


class Server(uvicorn.Server):
    """Ends what is being written as soon as it is told to end, rather than when the last follower has gone."""

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM and SIGINT."""
        stop_from_signal()
        super().handle_exit(sig, frame)


def serve(**where: Any) -> None:
    """On `uds`, or on `host` and `port`."""
    config = uvicorn.Config(
        app, log_level="warning", timeout_graceful_shutdown=FOLLOWERS_SECONDS, loop="asyncio", **where
    )
    Server(config).run()
