"""A model server that is wrongly set up holds up its preset and fails no document; a text that it refuses fails one."""

import pytest
from django.urls import reverse

from ingestion import doorbell, embed, whole
from kb.models import Document, KnowledgeBase
from search import whole as wholes
from search.embedders import EmbeddingError
from search.embedders import loaded as embedders
from search.generations.current import serving_index
from search.models import DocumentVector, Index, Preset, Vector
from tests.ingestion.generations import ask_for, send, start_generations
from tests.search.odd_server import WIDTH, OddServer

Status = Document.Status
KEY = "KB_EMBEDDING_API_KEY_ODD"


@pytest.fixture
def server(db, monkeypatch, settings, tmp_path):
    """A model server that wants a key, a silent broker, and exact search."""
    monkeypatch.setattr(doorbell, "_send", lambda task, *arguments: True)
    monkeypatch.setattr(embedders._held, "open", {})
    monkeypatch.setattr(whole, "_without", set())
    monkeypatch.setenv(KEY, "sesame")
    settings.KB_VECTOR_STORE, settings.KB_DATA = "exact", tmp_path
    for folder in ("files", "tmp", "keywords", "run", "pages"):
        (tmp_path / folder).mkdir()
    running = OddServer()
    running.habits.key = "sesame"
    yield running
    running.stop()
    for engine in embedders._held.open.values():
        engine.close()


def served(server, name: str = "odd", **fields) -> Preset:
    values = {"dimension": WIDTH, "max_tokens": 256, "api_key_variable": KEY, **fields}
    return Preset.objects.create(name=name, engine="server", model=f"{name}-model", url=server.url, **values)


@pytest.fixture
def preset(server, monkeypatch):
    """The installation's."""
    preset = served(server)
    monkeypatch.setattr("search.generations.wanted.default_preset", lambda: preset)
    return preset


def states() -> list[tuple[str, int]]:
    return list(Document.objects.order_by("created_at").values_list("status", "attempt"))


FAULTS = {
    "wrong key": ({"key": "mellon"}, "refused with 401: Unauthorized"),
    "no such model": ({"refuses": (404, "model not found, try pulling it first")}, "404: model not found"),
    "forbidden": ({"refuses": (403, "this project has no access")}, "403: this project has no access"),
    "no embeddings": ({"refuses": (400, "this model does not support embeddings")}, "400: this model does not"),
    "nothing is taken": ({"refuses": (422, "unknown field: model")}, "422: unknown field"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_documents_wait_while_the_engine_is_wrongly_set_up_and_nothing_counts_against_them(
    fault, server, preset, handbook, alice, client
):
    habits, sentence = FAULTS[fault]
    documents = [send(handbook, number) for number in range(12)]
    right = vars(server.habits).copy()
    vars(server.habits).update(habits)
    for _ in range(4):  # more often than a document is tried
        server.asked.clear()
        with pytest.raises(EmbeddingError, match=sentence):
            embed.embed_missing()
        assert len(server.asked) <= 25  # of 12 documents of several passages each
    assert states() == [(Status.QUEUED, 0)] * 12
    client.force_login(alice)
    for address in (reverse("knowledge_base", args=[handbook.pk]), documents[0].get_absolute_url()):
        shown = client.get(address).content.decode()
        assert "Waits: The model server refused with" in shown and sentence in shown
    vars(server.habits).update(right)
    embed.embed_missing()
    assert {status for status, _ in states()} == {Status.READY}
    assert set(Document.objects.values_list("error", flat=True)) == {""}


def test_a_key_that_was_changed_takes_effect_without_a_restart(server, preset, handbook, monkeypatch):
    send(handbook, 1)
    server.habits.key = "new"
    with pytest.raises(EmbeddingError, match="401"):
        embed.embed_missing()
    monkeypatch.setenv(KEY, "new")
    embed.embed_missing()
    assert states()[0][0] == Status.READY


def test_vectors_of_another_length_hold_up_the_preset(server, preset, handbook):
    Preset.objects.update(dimension=WIDTH + 4)
    send(handbook, 1)
    Index.objects.update(dimension=WIDTH + 4)
    with pytest.raises(EmbeddingError, match="8 dimensions, not 12"):
        embed.embed_missing()
    assert states() == [(Status.QUEUED, 0)]


def test_other_knowledge_bases_go_on_with_their_own_engines(server, preset, handbook, alice):
    other = KnowledgeBase.objects.create(name="Other", created_by=alice)
    ask_for(other, preset=served(server, "well"))
    waiting, fine = send(handbook, 1), send(other, 2)
    Preset.objects.filter(pk=preset.pk).update(api_key_variable=f"{KEY}_GONE")
    with pytest.raises(EmbeddingError, match="401"):
        embed.embed_missing()
    for document, status in ((waiting, Status.QUEUED), (fine, Status.READY)):
        document.refresh_from_db()
        assert document.status == status


@pytest.mark.parametrize("status", ["400", "413", "422"])
def test_a_text_that_is_refused_fails_its_document_alone(server, preset, handbook, status):
    server.habits.reads, server.habits.when_longer = 150, status
    documents = [send(handbook, number) for number in range(5)]
    passage = documents[2].chunks.first()
    passage.text = "word " * 200
    passage.save()
    embed.embed_missing()
    assert [state for state, _ in states()] == [Status.READY] * 2 + [Status.FAILED] + [Status.READY] * 2
    documents[2].refresh_from_db()
    assert "does not take texts of 256 tokens" in documents[2].error


def test_a_generation_whose_engine_is_wrongly_set_up_waits_with_the_sentence(server, preset, handbook):
    send(handbook, 1)
    embed.embed_missing()
    ask_for(handbook, preset=served(server, "keyless", api_key_variable=""))
    start_generations()
    embed.embed_missing()
    assert "401: Unauthorized" in Index.objects.get(state=Index.State.BUILDING).note
    assert serving_index(handbook).preset == preset
    Preset.objects.filter(name="keyless").update(api_key_variable=KEY)
    embed.embed_missing()
    assert serving_index(handbook).preset.name == "keyless"


def test_a_document_is_read_whole_once_the_engine_is_set_right(server, preset, handbook, monkeypatch):
    """Its passages do not stand for it for good because a key was wrong for an hour."""
    Preset.objects.update(max_tokens=4000)
    preset.refresh_from_db()
    monkeypatch.setattr(embed, "embed_whole", lambda stopping: False)
    document = send(handbook, 1)
    embed.embed_missing()
    server.habits.key = "new"
    with pytest.raises(EmbeddingError, match="401"):
        whole.embed_whole()
    assert not DocumentVector.objects.exists()
    assert wholes.any_lacking()
    monkeypatch.setenv(KEY, "new")
    whole.embed_whole()
    assert not DocumentVector.objects.get(document=document).from_chunks


class Short(EmbeddingError):
    """Memory is short for a text that holds a word."""

    def __init__(self) -> None:
        super().__init__("A passage does not fit into the memory of the device that embeds.", refuses_text=True)


@pytest.fixture
def cramped(embedder, monkeypatch):
    """The word that does not fit, as long as there is one."""
    words, embed_documents = ["entry 1-2 "], embedder.embed_documents

    def short(texts):
        if any(word in text for word in words for text in texts):
            raise Short
        return embed_documents(texts)

    monkeypatch.setattr(embedder, "embed_documents", short)
    return words


def test_a_text_for_which_memory_was_short_is_tried_again(cramped, handbook):
    bad, good = send(handbook, 1), send(handbook, 2)
    for attempt in (1, 2):
        embed.embed_missing()
        bad.refresh_from_db()
        assert (bad.status, bad.attempt) == (Status.QUEUED, attempt)
        assert "does not fit into the memory" in bad.error
    good.refresh_from_db()
    assert good.status == Status.READY
    cramped.clear()
    embed.embed_missing()
    bad.refresh_from_db()
    assert (bad.status, bad.error) == (Status.READY, "")


def test_a_text_for_which_memory_is_always_short_fails_its_document_in_the_end(cramped, handbook, settings):
    bad = send(handbook, 1)
    for _ in range(settings.KB_MAX_ATTEMPTS):
        embed.embed_missing()
    bad.refresh_from_db()
    assert bad.status == Status.FAILED
    assert "does not fit into the memory" in bad.error
    assert Vector.objects.exists()  # of its other passages
