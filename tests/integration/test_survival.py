"""Whatever is killed or emptied while documents are on their way, all of them arrive, each once."""

import shutil

import pytest
import redis

from tests.integration.lectern import until

pytestmark = [pytest.mark.integration, pytest.mark.django_db(databases=[])]

DOCUMENTS = 200
SUBJECTS = "harbour orchard library furnace glacier telescope monastery bakery viaduct greenhouse".split()


def text_of(number: int) -> str:
    """About two passages that no other document has, with a word of its own to be found by."""
    subject = SUBJECTS[number % len(SUBJECTS)]
    sentences = [
        f"Report {number} of the {subject}, entry {n}: the keeper noted token-{number}-{n}." for n in range(24)
    ]
    return f"Report {number}\n\n" + " ".join(sentences)


def upload(api, base: str, numbers) -> None:
    for first in range(0, len(numbers), 20):
        files = [("file", (f"report-{n}.txt", text_of(n).encode())) for n in numbers[first : first + 20]]
        answer = api.post(f"/knowledge-bases/{base}/documents", files=files)
        assert answer.status_code in (200, 201, 202, 207), answer.text
        assert not answer.json()["refused"]


def documents(api, base: str) -> list[dict]:
    rows: list[dict] = []
    while True:
        answer = api.get(f"/knowledge-bases/{base}/documents", params={"offset": len(rows), "limit": 200}).json()
        rows += answer["documents"]
        if len(rows) >= answer["total"] or not answer["documents"]:
            return rows


def ready(api, base: str) -> int:
    return sum(row["status"] == "ready" for row in documents(api, base))


def new_base(api, name: str) -> str:
    return api.post("/knowledge-bases", json={"name": name}).json()["id"]


def search(api, base: str, query: str, mode: str = "hybrid") -> list[dict]:
    answer = api.post("/search", json={"query": query, "knowledge_bases": [base], "top_k": 5, "mode": mode})
    assert answer.status_code == 200, answer.text
    return answer.json()["passages"]


def suspended_indexes(lectern) -> int:
    question = "from search.models import Index; print(Index.objects.filter(store_ready=False).count())"
    return int(lectern.manage("shell", "--no-imports", "-c", question).split()[-1])


def assert_all_arrived(api, base: str, count: int) -> None:
    until(lambda: ready(api, base) >= count, 600, f"all {count} documents of {base} to be ready")
    rows = documents(api, base)
    assert len(rows) == len({row["name"] for row in rows}) == count
    for number in range(0, count, 23):
        found = search(api, base, f"token-{number}-3", mode="keyword")
        assert found[0]["title"] == f"report-{number}" or f"token-{number}-3" in found[0]["text"]
        assert len([p for p in found if f"token-{number}-3." in p["text"]]) == 1, "a passage stands twice in the index"


def test_killed_workers_lose_no_document_and_double_none(lectern, api):
    base = new_base(api, "Killed")
    upload(api, base, range(DOCUMENTS))
    lectern.kill("celery", "parse")
    until(lambda: ready(api, base) >= 10, 300, "the first documents")
    lectern.kill("celery", "embed")
    until(lambda: ready(api, base) >= 60, 300, "more documents")
    lectern.kill("reconcile")
    lectern.kill("celery", "embed")
    lectern.kill("celery", "parse")
    assert_all_arrived(api, base, DOCUMENTS)


def test_an_emptied_redis_loses_no_document(lectern, api):
    base = new_base(api, "Emptied")
    upload(api, base, range(1000, 1000 + 100))
    broker = redis.Redis(unix_socket_path=str(lectern.data / "run" / "redis.sock"))
    for _ in range(3):
        broker.flushall()
    upload(api, base, range(1100, 1100 + 20))
    broker.flushall()
    until(lambda: ready(api, base) >= 120, 600, "all documents to be ready")
    assert len(documents(api, base)) == 120


def test_answers_go_on_without_chromas_folder_and_it_comes_back_by_itself(lectern, api):
    base = new_base(api, "Unfounded")
    upload(api, base, range(2000, 2030))
    until(lambda: ready(api, base) == 30, 300, "the documents")
    question = "What did the keeper of the glacier note?"
    before = [passage["chunk"] for passage in search(api, base, question, mode="vector")]
    shutil.rmtree(lectern.data / "chroma")
    for _ in range(10):
        assert [passage["chunk"] for passage in search(api, base, question, mode="vector")] == before
    until(lambda: (lectern.data / "chroma" / "chroma.sqlite3").exists(), 120, "Chroma to start anew")
    until(lambda: suspended_indexes(lectern) == 0, 120, "the index to be rebuilt")
    assert [passage["chunk"] for passage in search(api, base, question, mode="vector")] == before


def test_everything_stops_within_a_minute_when_asked(lectern, api):
    children = lectern.processes()
    assert lectern.stop() == 0
    assert not [child for child in children if child.is_running() and child.status() != "zombie"]
