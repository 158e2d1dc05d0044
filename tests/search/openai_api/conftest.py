"""A running Lectern with an embed worker that knows words, and OpenAI's client in front of it."""

import shutil
import tempfile
from pathlib import Path

import openai
import pytest

from kb.models import ApiKey
from search import lane, lane_server
from search.keywords import open_keywords
from search.models import ChatModel, Preset
from search.place import entry_of
from tests.closing import close_connections
from tests.engines import DIMENSION, WordsEmbedder
from tests.search.answer_process import AnswerProcess
from tests.search.library import add_document, make_index
from tests.search.model_server import ModelServer

TEXTS = ("The kettle is descaled monthly with vinegar.", "Invoices are kept for ten years in the archive.")


@pytest.fixture
def folder(settings, monkeypatch):
    """A data folder with a name short enough for sockets; no connection is left open behind it."""
    data = Path(tempfile.mkdtemp(prefix="v1-"))
    (data / "run").mkdir()
    settings.KB_DATA, settings.KB_VECTOR_STORE = data, "exact"
    settings.KB_EMBED_URL = settings.KB_EMBED_LISTEN = settings.KB_ANSWER_URL = settings.KB_ANSWER_LISTEN = ""
    monkeypatch.setattr("search.embedders.server.WAITS", (0.0,))
    yield data
    close_connections()
    lane.forget()
    shutil.rmtree(data)


class Worker:
    """What the embed worker was sent, a list a request."""

    def __init__(self) -> None:
        self.parts: list[list[str]] = []
        self.words = WordsEmbedder(None)

    def embed(self, fingerprint, texts):
        self.parts.append(texts)
        return self.words.embed_documents(texts)


@pytest.fixture
def worker(folder):
    """An embed worker on the query lane."""
    worker = Worker()
    server = lane_server.serve(worker.embed, lane.socket_path())
    yield worker
    server.shutdown()
    server.server_close()


@pytest.fixture
def preset(transactional_db, settings):
    """The installation's embedding model: MiniLM's tokenizer, and vectors of words."""
    return Preset.objects.create(
        name="words", model=settings.KB_EMBEDDING_MODEL, dimension=DIMENSION, shortest=16, max_tokens=32,
        query_instruction="query: ", document_instruction="passage: ",
    )  # fmt: skip


def fill(knowledge_base, preset, *texts, title="House rules"):
    """A document that is found by words and by meaning."""
    index = make_index(knowledge_base, preset=preset)
    vectors = list(WordsEmbedder(None).embed_documents(list(texts)))
    document = add_document(index, *texts, title=title, vectors=vectors)
    open_keywords().add([entry_of(index, chunk) for chunk in document.listed])
    return document


@pytest.fixture
def rules(worker, preset, handbook):
    """A document of the handbook."""
    return fill(handbook, preset, *TEXTS)


@pytest.fixture
def server():
    """A language model's server."""
    with ModelServer() as running:
        yield running


@pytest.fixture
def model(folder, server, rules, settings):
    """A language model, and the process that asks it."""
    settings.KB_CHAT_SECONDS = 2
    with AnswerProcess():
        yield ChatModel.objects.create(name="Plain", url=server.url, model="plain-model", is_default=True)


@pytest.fixture
def client_of(live_server, transactional_db):
    """Gives OpenAI's client for a person, with a key limited as asked."""
    clients = []

    def made(user, **limits):
        secret = ApiKey.issue(user, "test", **limits)[1]
        clients.append(openai.OpenAI(base_url=f"{live_server.url}/v1", api_key=secret, max_retries=0, timeout=60))
        return clients[-1]

    yield made
    for client in clients:
        client.close()


@pytest.fixture
def client(client_of, alice):
    """Alice's."""
    return client_of(alice)
