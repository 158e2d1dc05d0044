"""Another embedding model while people ask: nobody gets an error, a kill costs nothing, and going back is exact."""

import itertools
import threading
import time

import pytest

from search.retrieve import EMBEDDING_AWAY
from tests.integration.lectern import until
from tests.integration.test_survival import SUBJECTS, new_base, ready

pytestmark = [pytest.mark.integration, pytest.mark.django_db(databases=[])]

DOCUMENTS, SENTENCES = 40, 150  # a dozen passages each
MAKE_PRESET = """
from search.models import Preset
from search.presets.chosen import default_preset
one = default_preset()
one.pk, one.name, one.max_tokens = None, "Narrow", 128
one.save()
print(one.pk)
"""
QUESTIONS = [f"What did the keeper of the {SUBJECTS[n % 10]} note in report {n}?" for n in range(100)]
WORDS_ALONE = str(EMBEDDING_AWAY["hybrid"])
_never_asked = itertools.count(1)


def text_of(number: int) -> str:
    """A report whose every entry has words of its own."""
    subject = SUBJECTS[number % len(SUBJECTS)]
    lines = (f"Entry {n} of the {subject}: the keeper noted token-{number}-{n}." for n in range(SENTENCES))
    return f"Report {number}\n\n" + " ".join(lines)


def new_question() -> str:
    """One that was never asked before, so that no process remembers its vector."""
    number = next(_never_asked)
    return f"What did the keeper of the {SUBJECTS[number % 10]} note in entry {number} of report {number % 40}?"


class Askers:
    """Threads that ask without a pause, until told to stop.

    Every answer that is not one is kept, and of every note when its question was asked, when answered, what it said.
    """

    def __init__(self, lectern, key: str, base: str, number: int = 3) -> None:
        self.lectern, self.key, self.base = lectern, key, base
        self.answered, self.failures, self.notes = 0, [], []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=[n], daemon=True) for n in range(number)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(90)

    def _ask(self, number: int) -> None:
        with self.lectern.client(self.key) as client:
            while not self._over.is_set():
                asked_at = time.monotonic()
                answer = self._answer(client, new_question())
                if answer.status_code != 200 or not answer.json()["passages"]:
                    self.failures.append((answer.status_code, answer.text[:300]))
                else:
                    self.notes += [(asked_at, time.monotonic(), note) for note in answer.json()["notes"]]
                    self.answered += 1
                time.sleep(0.05)

    def unexplained(self, *away: tuple[float, float]) -> list[str]:
        """Notes of questions that were on their way in none of these times, or that say something else than this."""
        return [
            note
            for asked_at, answered_at, note in self.notes
            if note != WORDS_ALONE or not any(asked_at <= end and answered_at >= start for start, end in away)
        ]

    def _answer(self, client, question: str):
        return client.post("/search", json={"query": question, "knowledge_bases": [self.base], "top_k": 5})


def top_tens(api, base: str) -> dict[str, list[list[tuple]]]:
    """What 100 questions find, by meaning and by both ways: the chunks, their similarities and their scores."""
    return {mode: [_top_ten(api, base, question, mode) for question in QUESTIONS] for mode in ("vector", "hybrid")}


def _top_ten(api, base: str, question: str, mode: str) -> list[tuple]:
    asked = {"query": question, "knowledge_bases": [base], "top_k": 10, "mode": mode}
    answer = api.post("/search", json=asked).json()
    assert answer["notes"] == []
    return [(found["chunk"], found["similarity"], found["score"], found["ranks"]) for found in answer["passages"]]


def generations(api, base: str) -> dict[str, dict]:
    listed = api.get(f"/knowledge-bases/{base}/generations").json()["generations"]
    return {one["state"]: one for one in listed}


def is_answered_by_meaning(api, base: str) -> bool:
    asked = {"query": new_question(), "knowledge_bases": [base], "mode": "hybrid"}
    return not api.post("/search", json=asked).json()["notes"]


@pytest.fixture(scope="module")
def base(api):
    made = new_base(api, "Swapped")
    files = [("file", (f"report-{n}.txt", text_of(n).encode())) for n in range(DOCUMENTS)]
    answer = api.post(f"/knowledge-bases/{made}/documents", files=files)
    assert answer.status_code == 202, answer.text
    until(lambda: ready(api, made) == DOCUMENTS, 900, "the documents")
    return made


def test_a_swap_under_load_with_a_kill_in_the_middle_fails_no_question_and_can_be_taken_back(lectern, api, base):
    preset = int(lectern.manage("shell", "--no-imports", "-c", MAKE_PRESET).split()[-1])
    before = top_tens(api, base)
    assert all(len(found) == 10 for ways in before.values() for found in ways)
    with Askers(lectern, api.key, base) as askers:
        changed = api.patch(f"/knowledge-bases/{base}/search-settings", json={"preset": preset})
        assert "passages will be embedded" in changed.json()["effect"]
        building = until(lambda: _begun(api, base), 120, "the new index to be begun")
        killed_at = time.monotonic()
        lectern.kill("celery", "embed")
        until(lambda: is_answered_by_meaning(api, base), 120, "the embed worker to answer again")
        answering_at = time.monotonic()
        resumed = until(lambda: _embedded(api, base, building["passages"]), 300, "the building to go on")
        assert resumed["passages"] >= building["passages"]
        until(lambda: generations(api, base)["serving"]["preset"] == "Narrow", 900, "the new index to serve")
        asked_before_going_back = askers.answered
        after = top_tens(api, base)
        assert after["vector"] != before["vector"] and after["hybrid"] != before["hybrid"]
        went_back_at = time.monotonic()
        back = api.post(f"/knowledge-bases/{base}/generations/rollback")
        assert back.status_code == 200, back.text
        until(lambda: is_answered_by_meaning(api, base), 60, "the old model to answer")
        old_answers_at = time.monotonic()
        assert top_tens(api, base) == before
    assert askers.failures == []
    assert askers.unexplained((killed_at, answering_at), (went_back_at, old_answers_at)) == []
    assert askers.answered > asked_before_going_back > 20
    assert {state: one["preset"] for state, one in generations(api, base).items()} == {
        "serving": "all-MiniLM-L6-v2", "previous": "Narrow",
    }  # fmt: skip


def _begun(api, base: str) -> dict | None:
    """The index that is being built, once some of it is there, and while some is not."""
    building = generations(api, base).get("building")
    return building if building and 0 < building["documents_lacking"] < DOCUMENTS else None


def _embedded(api, base: str, passages: int) -> dict | None:
    found = generations(api, base)
    one = found.get("building")
    return one if one and one["passages"] > passages else found["serving"] if "building" not in found else None
