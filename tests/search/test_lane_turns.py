"""Where more texts are asked for than can be embedded at once, some wait, and questions do not wait for them."""

import shutil
import tempfile
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from search import lane_server
from search.lane_turns import NobodyWaits, Turns

WAIT = 30  # seconds, on a busy machine


def until(condition) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Crowd:
    """Threads that wait for their turns, in the order in which they begin to."""

    def __init__(self, turns: Turns) -> None:
        self.turns, self.had, self.threads = turns, [], []
        self.go_on = threading.Semaphore(0)

    def join(self, name: str, texts: int) -> None:
        def take() -> None:
            with self.turns.turn(texts, lambda: True):
                self.had.append(name)
                assert self.go_on.acquire(timeout=WAIT)

        before = len(self.turns._waiting) + len(self.had)
        self.threads.append(threading.Thread(target=take))
        self.threads[-1].start()
        until(lambda: len(self.turns._waiting) + len(self.had) > before)

    def end(self) -> None:
        for _ in self.threads:
            self.go_on.release()
        for thread in self.threads:
            thread.join(WAIT)


def test_questions_go_first_and_else_whoever_asked_first():
    crowd = Crowd(Turns(1))
    for name, texts in (("first", 2), ("claims", 3), ("more claims", 2), ("question", 1)):
        crowd.join(name, texts)
    crowd.end()
    assert crowd.had == ["first", "question", "claims", "more claims"]


def test_no_more_than_a_few_have_their_turn_at_once():
    crowd = Crowd(Turns(2))
    for number in range(5):
        crowd.join(str(number), 1)
    assert crowd.had == ["0", "1"]
    crowd.go_on.release()
    until(lambda: len(crowd.had) == 3)
    crowd.end()
    assert crowd.had == ["0", "1", "2", "3", "4"]


def test_several_texts_leave_a_turn_free_for_a_question():
    crowd = Crowd(Turns(2))
    for name, texts in (("claims", 3), ("more claims", 2), ("question", 1)):
        crowd.join(name, texts)
    assert crowd.had == ["claims", "question"]
    crowd.end()
    assert crowd.had == ["claims", "question", "more claims"]


def test_a_turn_is_free_again_whatever_ended_it():
    turns = Turns(1)
    with pytest.raises(ValueError, match="broken"), turns.turn(1, lambda: True):
        raise ValueError("broken")
    with pytest.raises(NobodyWaits), turns.turn(1, lambda: False):
        pass
    with turns.turn(1, lambda: True):
        pass


class Slow:
    """Embeds when it is let, and remembers what."""

    def __init__(self) -> None:
        self.asked, self.go_on = [], threading.Event()

    def __call__(self, model: str, texts: list[str]) -> np.ndarray:
        self.asked.append(texts[0])
        assert self.go_on.wait(WAIT)
        return np.ones((len(texts), 2), np.float32)


@pytest.fixture
def slow():
    """An embed worker that does one thing at a time, and a client of it."""
    folder = Path(tempfile.mkdtemp(prefix="turns-"))
    slow = Slow()
    server = lane_server.serve(slow, folder / "embed.sock")
    server.turns = Turns(1)
    slow.client = httpx.Client(
        transport=httpx.HTTPTransport(uds=str(folder / "embed.sock")), base_url="http://lane", timeout=WAIT
    )
    yield slow
    slow.go_on.set()
    slow.client.close()
    server.shutdown()
    server.server_close()
    shutil.rmtree(folder)


def test_what_nobody_waits_for_any_more_is_not_embedded(slow):
    def ask(text: str, **timeout: float) -> httpx.Response:
        return slow.client.post("/v1/embeddings", json={"input": [text], "model": "m"}, **timeout)

    first = threading.Thread(target=ask, args=["first"])
    first.start()
    until(lambda: slow.asked == ["first"])
    with pytest.raises(httpx.ReadTimeout):
        ask("given up", timeout=0.2)
    slow.go_on.set()
    assert ask("last").status_code == 200
    first.join(WAIT)
    assert slow.asked == ["first", "last"]
