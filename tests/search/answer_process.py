"""The process that writes answers, in a thread of the tests: on its socket in the data folder."""

import threading
import time

import uvicorn

from search import answer_lane
from search.answering.app import answering, app
from tests.closing import close_connections


class AnswerProcess:
    """`with AnswerProcess():` answers at answer_lane.socket_path(); connections to it are closed at the end."""

    def __enter__(self) -> "AnswerProcess":
        config = uvicorn.Config(
            app, uds=str(answer_lane.socket_path()), log_level="critical", loop="asyncio", timeout_graceful_shutdown=5
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until = time.monotonic() + 60
        while not self.server.started:
            assert time.monotonic() < until and self.thread.is_alive(), (
                "The process that writes answers does not start."
            )
            time.sleep(0.01)
        return self

    def __exit__(self, *error: object) -> None:
        close_connections()
        self.server.should_exit = True
        self.thread.join(30)
        answering.runs._runs.clear()  # the next process knows nothing of them
