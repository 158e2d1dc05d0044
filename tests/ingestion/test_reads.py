"""The account of what was read is true: on a long file and short limits, and on a server that cuts without a word."""

import io

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from ingestion import doorbell, embed, pipeline, whole
from ingestion.measure import count_tokens
from ingestion.reads import embed_counted
from ingestion.receive import receive
from kb.models import Chunk, Document, KnowledgeBase
from search.embedders import open_embedder
from search.ledger import account_of
from search.models import DocumentVector, Index, Preset, Vector
from search.presets.chosen import settings_of
from search.tokenize import tokenizer_of
from tests.search.odd_server import WIDTH, OddServer
from tests.search.tiny_models import tiny_qwen3

SENTENCE = "who pays for the hotel when the train that is given answers a web query"  # one token a word, and the stop
FORTY_THOUSAND = "\n\n".join(" . ".join([SENTENCE] * 10) for _ in range(253))  # 40,227 words and stops


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return str(tiny_qwen3(tmp_path_factory.mktemp("qwen3")))


@pytest.fixture
def shelf(db, monkeypatch, settings, tmp_path):
    """A data folder, exact search and a silent broker."""
    monkeypatch.setattr(doorbell, "_send", lambda task, *arguments: True)
    monkeypatch.setattr(whole, "_without", set())
    settings.KB_VECTOR_STORE, settings.KB_DATA = "exact", tmp_path
    for folder in ("files", "tmp", "keywords", "run", "pages"):
        (tmp_path / folder).mkdir()


@pytest.fixture
def preset_of(shelf, tiny, monkeypatch):
    """The installation's model, a tiny Qwen3 that reads so many tokens."""

    def make(max_tokens: int) -> Preset:
        preset = Preset.objects.create(
            name=f"tiny {max_tokens}", model=tiny, dimension=64, max_tokens=max_tokens, backend="torch"
        )
        monkeypatch.setattr("search.generations.wanted.default_preset", lambda: preset)
        return preset

    return make


def ingest(text: str, **settings) -> Index:
    """A knowledge base with this text in it, the way that a file takes; its index."""
    base = KnowledgeBase.objects.create(name="Long", **settings)
    document = receive(io.BytesIO(text.encode()), knowledge_base=base, user=None, name="long.txt").document
    pipeline.parse_document(str(document.pk))
    embed.embed_missing()
    document.refresh_from_db()
    assert document.status == Document.Status.READY, document.error
    return Index.objects.get(knowledge_base=base)


def test_40000_tokens_at_a_limit_of_32768_are_read_to_the_last(preset_of):
    preset_of(32_768)
    index = ingest(FORTY_THOUSAND, chunk_tokens=900)
    account, made = account_of(index), DocumentVector.objects.get()
    assert made.parts == 2
    assert made.tokens == made.tokens_read > 40_000
    assert (account.passages.lost, account.wholes.lost, account.is_whole) == (0, 0, True)


def test_what_fits_into_32768_tokens_is_one_vector(preset_of):
    preset_of(32_768)
    index = ingest(FORTY_THOUSAND[: len(FORTY_THOUSAND) * 4 // 5], chunk_tokens=900)
    made = DocumentVector.objects.get()
    assert (made.parts, made.from_chunks) == (1, False)
    assert 32_000 < made.tokens == made.tokens_read <= 32_768
    assert account_of(index).is_whole


def test_40000_tokens_at_a_limit_of_512_lose_nothing_as_passages_are_cut_to_fit(preset_of):
    preset_of(512)
    index = ingest(FORTY_THOUSAND, chunk_tokens=2000)
    account = account_of(index)
    assert Chunk.objects.filter(tokens__gt=512).count() == 0
    assert (account.passages.lost, account.wholes.lost, account.by_passages) == (0, 0, 1)


def test_a_limit_that_is_lowered_loses_what_the_account_says(preset_of):
    preset = preset_of(32_768)
    base = KnowledgeBase.objects.create(name="Long", chunk_tokens=2000)
    document = receive(io.BytesIO(FORTY_THOUSAND.encode()), knowledge_base=base, user=None, name="long.txt").document
    pipeline.parse_document(str(document.pk))
    Preset.objects.filter(pk=preset.pk).update(max_tokens=512)  # behind the back of what was cut
    embed.embed_missing()
    chunks = [chunk.embedded_text for chunk in Chunk.objects.all()]
    true = [count_tokens(tokenizer_of(preset), [text], special=True)[0] for text in chunks]
    lost = sum(max(0, tokens - 512) for tokens in true)
    account = account_of(Index.objects.get())
    assert lost > 20_000
    assert (account.passages.tokens, account.passages.lost) == (sum(true), lost)
    assert account.wholes.lost == lost  # its passages stand for the whole


@pytest.fixture
def server(shelf, monkeypatch):
    """A model server that reads 60 words of a text, cuts off the rest and says so; each word is a token."""
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    monkeypatch.setattr("search.tokenize.tokenizer_named", lambda model, revision: tokenizer)
    running = OddServer()
    running.habits.reads = 60
    yield running
    running.stop()


@pytest.fixture
def served(server, monkeypatch):
    preset = Preset.objects.create(
        name="served", engine="server", model="odd-model", dimension=WIDTH, max_tokens=200, url=server.url
    )
    monkeypatch.setattr("search.generations.wanted.default_preset", lambda: preset)
    return preset


@pytest.fixture
def engine(served, monkeypatch):
    """The engine of that preset, which every module that embeds gets."""
    one = open_embedder(settings_of(served))
    for module in ("work", "build", "whole"):
        monkeypatch.setattr(f"ingestion.{module}.loaded", lambda preset: one)
    yield one
    one.close()


def test_what_a_server_cuts_off_is_counted(served, engine):
    texts = ["word " * 30, "word " * 60, "word " * 100]
    _, reads = embed_counted(engine, served, texts, [30, 60, 100])
    assert reads == [30, 60, 60]


def test_a_document_instruction_is_no_text_of_the_documents(served):
    served.document_instruction = "passage of a document: "
    engine = open_embedder(settings_of(served))
    _, reads = embed_counted(engine, served, ["word " * 30, "word " * 100], [30, 100])
    engine.close()
    assert reads == [30, 56]  # four of the sixty words that the server reads are the instruction's


def test_the_account_of_a_server_that_cuts_is_what_it_cut(engine):
    index = ingest("\n\n".join(f"{number} {SENTENCE * 5}" for number in range(40)), chunk_tokens=150, chunk_overlap=0)
    true = [len(chunk.embedded_text.split()) for chunk in Chunk.objects.all()]
    account = account_of(index)
    assert (account.passages.tokens, account.passages.lost) == (sum(true), sum(max(0, n - 60) for n in true))
    assert account.passages.lost > 1000
    assert set(Vector.objects.values_list("tokens_read", flat=True)) <= set(range(61))
