"""Whoever asks a model writes it down: questions, texts, rerankings and answers, with who asked and how it ended."""

import asyncio

import numpy as np
import pytest

from kb.acting import acting, acts
from kb.calls import waiting
from kb.kept import Kept
from kb.models import ApiKey, Call
from search import answer_lane, lane, rerank
from search.answering.app import Answering
from search.chat import ChatError, ChatSettings, Request
from search.chat.client import stream
from search.chat.models import settings_for
from search.embedders import EmbeddingError
from search.models import ChatModel, EvaluationRun, Preset, RerankPreset
from search.nearest import nearest_chunks
from search.rerankers import RerankError
from search.route import documents_about
from tests.engines import DIMENSION, WordsEmbedder
from tests.search import evaluating
from tests.search.library import add_document, make_index
from tests.search.model_server import Habits, ModelServer
from tests.search.test_lane import Words
from tests.search.test_lane import folder as folder
from tests.search.test_lane import served as served

pytestmark = pytest.mark.django_db
QUESTION = ({"role": "user", "content": "How often is the kettle descaled?"},)


@pytest.fixture(autouse=True)
def _nothing_waits():
    waiting.clear()
    yield
    waiting.clear()


@pytest.fixture
def preset(db):
    return Preset.objects.create(name="words", model="words-model", dimension=DIMENSION, max_tokens=256)


@pytest.fixture
def worker(served, preset):
    """An embed worker that says how many words it read."""
    counts = WordsEmbedder(None)
    return served(Words(preset), count=lambda model, texts: sum(counts.count_tokens(texts)))


def kept() -> list[Call]:
    waiting.flush()
    return list(Call.objects.order_by("at", "pk"))


def test_a_question_is_one_call_and_none_while_it_is_remembered(worker, preset):
    for _ in range(3):
        lane.embed_query(preset, "who pays for it?")
    (row,) = kept()
    assert (row.kind, row.model, row.inputs, row.tokens_in) == ("embed_query", "words-model", 1, 4)
    assert (row.status, row.text, row.caller) == ("ok", "", "ingestion")


def test_texts_are_one_call_however_many(worker, preset):
    lane.embed_texts(preset, ["one text", "two"])
    lane.embed_instructed(preset, ["three"], "Sort: ")
    assert [(row.kind, row.inputs, row.tokens_in) for row in kept()] == [
        ("embed_documents", 2, 3), ("embed_documents", 1, 2),
    ]  # fmt: skip


def test_a_worker_that_is_away_is_a_call_that_failed(folder, preset):
    with pytest.raises(EmbeddingError):
        lane.embed_query(preset, "who pays for it?")
    (row,) = kept()
    assert row.status == "error" and row.error.startswith("The model server cannot be reached")


def test_a_search_names_its_knowledge_base(worker, preset, handbook, settings):
    settings.KB_VECTOR_STORE = "exact"
    index = make_index(handbook, preset=preset)
    add_document(index, "The guest pays.", vectors=[WordsEmbedder(None).embed_query("The guest pays.")])
    assert nearest_chunks("who pays?", [index], 3).neighbours
    documents_about("and who else?", [index], 3)
    assert [row.knowledge_base for row in kept()] == [handbook, handbook]


class ByLength:
    def score(self, question, passages):
        if not passages:
            raise RerankError("The reranking model has nothing to read.")
        return np.array([len(text) for text in passages], np.float32)

    def close(self):
        """It holds nothing."""


def test_a_reranking_is_one_call_with_as_many_inputs_as_passages(monkeypatch):
    preset = RerankPreset.objects.create(name="long", model="long-model", engine="server", url="http://127.0.0.1:9/")
    monkeypatch.setattr(rerank, "_engines", Kept(lambda chosen: ByLength()))
    rerank.scores_now(preset, "who?", ["a", "bb", "ccc"])
    with pytest.raises(RerankError):
        rerank.scores_now(preset, "who?", [])
    good, bad = kept()
    assert (good.kind, good.model, good.inputs, good.status) == ("rerank", "long-model", 3, "ok")
    assert (bad.status, bad.error) == ("error", "The reranking model has nothing to read.")


def test_an_evaluations_questions_are_asked_by_whoever_began_it(handbook, alice, monkeypatch, settings, tmp_path):
    settings.KB_DATA, settings.KB_VECTOR_STORE = tmp_path, "exact"
    seen = []
    embed = lambda preset, text, instruction=None: seen.append(acting()) or evaluating.vector_of(text)  # noqa: E731
    monkeypatch.setattr("search.lane.embed_query", embed)
    texts = lambda preset, texts: np.stack([embed(preset, text) for text in texts])  # noqa: E731
    monkeypatch.setattr("search.lane.embed_texts", texts)
    monkeypatch.setattr("search.evaluation.jobs.send", lambda *message: True)
    evaluating.keep(handbook, "Lunch?", evaluating.shelve(make_index(handbook))["lunch"])
    assert evaluating.done(handbook, asked_by=alice).state == EvaluationRun.State.DONE
    assert {(who.caller, who.user, who.knowledge_base) for who in seen} == {("evaluation", alice.pk, str(handbook.pk))}


@pytest.fixture
def server(settings):
    settings.KB_CHAT_SECONDS = 1
    with ModelServer() as running:
        yield running


def request_to(server) -> Request:
    row = ChatModel(name="plain", url=server.url, model="plain-model", price_in=3, price_out=10)
    return Request(settings_for(row), QUESTION)


async def read(request: Request, most: int = 100) -> None:
    pieces = stream(request)
    try:
        async for _piece in pieces:
            most -= 1
            if not most:
                break
    finally:
        await pieces.aclose()


def test_an_answer_is_a_call_with_its_tokens_its_first_one_and_its_cost(server):
    asyncio.run(read(request_to(server)))
    (row,) = kept()
    assert (row.kind, row.model, row.status) == ("chat", "plain-model", "ok")
    assert (row.tokens_in, row.tokens_out) == (120, 6)
    assert row.first_milliseconds is not None and row.text == ""
    assert float(row.cost) == pytest.approx((120 * 3 + 6 * 10) / 1e6)


def test_an_answer_that_someone_stops_counts_as_far_as_it_came(server):
    asyncio.run(read(request_to(server), most=2))
    (row,) = kept()
    assert (row.status, row.tokens_out) == ("stopped", 2)
    assert row.tokens_in > 0  # the server has not said it: an estimate


def test_an_answer_that_breaks_off_has_failed(server):
    server.habits = Habits(fault="cut")
    with pytest.raises(ChatError):
        asyncio.run(read(request_to(server)))
    assert [(row.status, row.error[-1]) for row in kept()] == [("error", ".")]


def test_the_process_that_writes_answers_writes_down_for_whom(server, alice, handbook, monkeypatch):
    key, _secret = ApiKey.issue(alice, "notebook")
    sent = []
    monkeypatch.setattr(answer_lane, "_post", lambda path, body: sent.append(body))
    with acts(caller=Call.Caller.API, user=alice.pk, api_key=key.pk, knowledge_base=handbook.pk):
        answer_lane.begin("one", 1, QUESTION, 0)

    async def written():
        run = Answering().begin(sent[0], request_to(server))
        await run.task

    asyncio.run(written())
    (row,) = kept()
    assert (row.caller, row.user, row.api_key, row.knowledge_base) == ("api", alice, key, handbook)
    assert row.status == "ok"


def test_whom_an_answer_is_for_is_said_when_it_is_asked_for_not_when_it_is_read(monkeypatch, handbook):
    sent = []
    monkeypatch.setattr(answer_lane, "_streamed", sent.append)
    with acts(caller=Call.Caller.API, knowledge_base=handbook.pk):
        answer_lane.stream("one", 1, QUESTION, 0)
    assert sent[0]["acting"]["knowledge_base"] == str(handbook.pk)


def test_the_text_of_an_answer_is_kept_where_that_is_switched_on(server, settings):
    settings.KB_LOG_CALL_TEXT = True
    asyncio.run(read(request_to(server)))
    assert kept()[0].text == "How often is the kettle descaled?\n\nThe kettle is descaled monthly [1]."


def test_settings_without_prices_cost_nothing_that_is_known(server):
    asyncio.run(read(Request(ChatSettings(server.url, "plain-model"), QUESTION)))
    assert kept()[0].cost is None
