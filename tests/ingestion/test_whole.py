"""Beside its passages every document gets one vector of its whole text, which holds nothing up."""

import io

import numpy as np
import pytest
from django.utils import timezone

from ingestion import embed, pipeline, queue, reconcile, whole
from ingestion.receive import receive
from ingestion.tend import start_generations
from kb.models import Chunk, Document, KnowledgeBase
from search.embedders import EmbeddingError
from search.generations.progress import progress_of
from search.models import DocumentVector, Index, Preset, Vector
from search.vectors import decode
from search.whole import any_lacking, lacking_whole, mean
from tests.engines import DIMENSION, WordsEmbedder
from tests.ingestion import generations

SENTENCE = "The night train leaves at nine and arrives before the conference begins."
LONG = "\n\n".join(f"{SENTENCE} Number {number}." for number in range(300))  # some 4,800 tokens


def send(knowledge_base, text, name="rules.txt"):
    return receive(io.BytesIO(text.encode()), knowledge_base=knowledge_base, user=None, name=name).document


def work(*documents):
    """What the workers do, one after the other."""
    queued = Document.objects.filter(status=Document.Status.QUEUED, stage=Document.Stage.PARSING)
    for pk in queued.values_list("pk", flat=True):
        pipeline.parse_document(str(pk))
    embed.embed_missing()
    for document in documents:
        document.refresh_from_db()


@pytest.fixture(autouse=True)
def _nothing_given_up(monkeypatch):
    monkeypatch.setattr(whole, "_without", set())


@pytest.fixture
def reader(embedder, monkeypatch):
    """An embedder whose model reads 2,000 tokens; what was read whole is in `.read`."""
    Preset.objects.filter(name="words").update(max_tokens=2000)
    engine = WordsEmbedder(None)
    engine.read = engine.embedded
    monkeypatch.setattr(whole, "loaded", lambda preset: engine)
    return engine


def vector_of(document):
    return DocumentVector.objects.get(document=document)


def test_a_model_that_reads_little_costs_nothing_more(handbook, embedder):
    document = send(handbook, f"{SENTENCE}\n\n" * 60)
    work(document)
    made = vector_of(document)
    chunks = list(document.chunks.all())
    assert (made.from_chunks, made.parts, len(chunks) > 3) == (True, len(chunks), True)
    assert made.tokens == made.tokens_read == sum(chunk.tokens for chunk in chunks)
    vectors = dict(Vector.objects.values_list("digest", "data"))
    rows = decode([vectors[chunk.digest] for chunk in chunks], DIMENSION)
    expected = np.average(rows, axis=0, weights=[chunk.tokens for chunk in chunks])
    assert decode([made.data], DIMENSION)[0] == pytest.approx(expected / np.linalg.norm(expected), abs=1e-5)
    assert len(embedder.embedded) == len({chunk.digest for chunk in chunks})


def test_a_text_within_reach_is_read_in_one_go_with_its_title(handbook, reader):
    document = send(handbook, f"Rules of travel.\n\n{SENTENCE}", "journeys.txt")
    work(document)
    assert reader.read == [f"journeys\n\nRules of travel.\n\n{SENTENCE}"]
    made = vector_of(document)
    assert (made.parts, made.from_chunks, made.attempt) == (1, False, 0)
    assert made.tokens == made.tokens_read == 20


def test_a_longer_text_is_read_by_parts_and_nothing_of_it_is_lost(handbook, reader):
    document = send(handbook, LONG)
    work(document)
    made = vector_of(document)
    assert (made.parts, made.tokens_read) == (len(reader.read), made.tokens)
    assert 3 <= made.parts <= 4
    assert "\n\n".join(reader.read).replace("rules\n\n", "") == LONG
    assert not Vector.objects.exclude(digest__in=Chunk.objects.values("digest")).exists()


def test_parts_count_by_their_length():
    rows = np.array([[1, 0], [0, 1]], np.float32)
    long, short = np.frombuffer(mean(rows, [3000, 1000]), "<f4")
    assert long / short == pytest.approx(3)
    assert long**2 + short**2 == pytest.approx(1)
    assert mean(np.array([[1, 0], [-1, 0]], np.float32), [5, 5]) is None


def test_reingesting_the_same_text_reads_nothing_again(handbook, reader):
    document = send(handbook, LONG)
    work(document)
    read, before = len(reader.read), vector_of(document)
    assert queue.reingest(document)
    work(document)
    after = vector_of(document)
    assert len(reader.read) == read
    assert (after.digest, bytes(after.data)) == (before.digest, bytes(before.data))
    assert after.created_at >= document.ready_at


def test_the_same_file_in_a_second_knowledge_base_reads_nothing_again(handbook, reader):
    work(send(handbook, LONG))
    read = len(reader.read)
    twin = send(KnowledgeBase.objects.create(name="Copy"), LONG)
    work(twin)
    assert len(reader.read) == read
    assert vector_of(twin).tokens == vector_of(Document.objects.exclude(pk=twin.pk).get()).tokens


def test_a_changed_text_gets_a_new_vector(handbook, reader):
    document = send(handbook, SENTENCE)
    work(document)
    before = vector_of(document)
    document.sections.update(text="The kiln opens at noon.")
    Document.objects.filter(pk=document.pk).update(ready_at=timezone.now())
    assert any_lacking()
    embed.embed_missing()
    after = vector_of(document)
    assert (after.pk, after.digest == before.digest) == (before.pk, False)
    assert not any_lacking()


def test_a_document_is_ready_before_it_is_read_whole(handbook, reader, monkeypatch):
    document = send(handbook, SENTENCE)
    monkeypatch.setattr(reader, "embed_documents", failing("The server is away.", permanent=False))
    with pytest.raises(EmbeddingError):
        work(document)
    document.refresh_from_db()
    assert document.status == Document.Status.READY
    assert not DocumentVector.objects.exists()  # it is lacking, and not held against the document
    assert any_lacking()


def test_documents_of_before_are_made_up_for(handbook, embedder):
    documents = [send(handbook, f"{SENTENCE} {n}", f"{n}.txt") for n in range(5)]
    work(*documents)
    DocumentVector.objects.all().delete()
    embed.embed_missing()
    assert DocumentVector.objects.count() == 5


def test_documents_are_read_for_the_index_that_is_being_built_too(handbook, embedder):
    document = send(handbook, SENTENCE)
    work(document)
    serving = Index.objects.get()
    other = Preset.objects.create(
        name="other", engine="words", model=serving.preset.model, dimension=DIMENSION, max_tokens=128
    )
    index = Index.objects.create(
        knowledge_base=handbook, preset=other, chunking=serving.chunking, dimension=DIMENSION, state="building"
    )
    chunk = document.chunks.get()
    Vector.objects.create(preset=other, digest=chunk.digest, data=Vector.objects.get().data, tokens_read=chunk.tokens)
    index.indexed_documents.create(document=document, chunks=1)
    assert whole.embed_whole()
    assert set(DocumentVector.objects.values_list("preset__name", flat=True)) == {"words", "other"}


def test_an_index_is_built_when_each_document_is_read_whole_and_not_before(handbook, reader, monkeypatch):
    documents = [send(handbook, f"{SENTENCE} {n}", f"{n}.txt") for n in range(3)]
    work(*documents, send(handbook, LONG))
    monkeypatch.setattr(whole, "STEP_TOKENS", 1000)  # the long one takes several steps
    far = generations.preset("far", max_tokens=2000)
    generations.ask_for(handbook, preset=far)
    start_generations()
    counts = []
    while building := Index.objects.filter(state=Index.State.BUILDING).first():
        turns = iter([False, False])
        embed.embed_missing(lambda turns=turns: next(turns, True))
        counts.append(progress_of(building).documents)
        assert Index.objects.get(state=Index.State.SERVING).preset != far or not lacking_whole(building).exists()
    assert counts == sorted(counts)
    assert Index.objects.get(state=Index.State.SERVING).preset == far
    assert DocumentVector.objects.filter(preset=far, from_chunks=False).count() == 4


def test_a_text_of_which_no_vector_can_be_made_does_not_hold_up_an_index(handbook, reader, monkeypatch):
    work(send(handbook, SENTENCE))
    far = generations.preset("far", max_tokens=2000)
    generations.ask_for(handbook, preset=far)
    start_generations()
    monkeypatch.setattr(whole.whole, "mean", lambda rows, weights: None)  # as if its passages cancelled each other out
    embed.embed_missing()
    assert Index.objects.get(state=Index.State.SERVING).preset == far


def test_an_interrupted_reading_goes_on_where_it_was(handbook, reader, monkeypatch):
    document = send(handbook, LONG)
    monkeypatch.setattr(whole, "STEP_TOKENS", 1000)  # a part at a time
    monkeypatch.setattr(embed, "embed_whole", lambda stopping: False)
    work(document)
    assert whole.embed_whole()
    assert len(reader.read) == 1
    assert not DocumentVector.objects.exists()
    whole._parts.cache_clear()  # another worker
    while whole.embed_whole():
        pass
    assert len(reader.read) == len(set(reader.read)) == vector_of(document).parts


def test_asked_to_stop_it_reads_no_further(handbook, reader, monkeypatch):
    document = send(handbook, LONG)
    monkeypatch.setattr(embed, "embed_whole", lambda stopping: False)
    work(document)
    whole.embed_whole(lambda: True)
    assert reader.read == []
    assert any_lacking()


def test_what_kills_its_worker_is_not_read_for_ever(handbook, reader, monkeypatch, settings):
    document = send(handbook, SENTENCE)
    monkeypatch.setattr(embed, "embed_whole", lambda stopping: False)
    work(document)

    def killed(texts):
        raise KeyboardInterrupt

    monkeypatch.setattr(reader, "embed_documents", killed)
    for attempt in range(settings.KB_MAX_ATTEMPTS):
        with pytest.raises(KeyboardInterrupt):
            whole.embed_whole()
        assert vector_of(document).attempt == attempt + 1
    assert not whole.embed_whole()
    assert vector_of(document).from_chunks  # its passages stand for it


def test_of_several_the_one_that_the_model_refuses_is_stood_for_by_its_passages(handbook, reader, monkeypatch):
    good, bad = send(handbook, SENTENCE), send(handbook, "The kiln opens at noon.", "kiln.txt")
    embed_documents = reader.embed_documents

    def refuses(texts):
        if any("kiln" in text for text in texts):
            raise EmbeddingError("It does not fit into memory.", refuses_text=True)
        return embed_documents(texts)

    monkeypatch.setattr(reader, "embed_documents", refuses)
    work(good, bad)
    assert (vector_of(good).from_chunks, vector_of(bad).from_chunks) == (False, True)
    assert not any_lacking()


def test_what_is_written_while_it_was_reingested_is_not_kept(handbook, reader, monkeypatch):
    document = send(handbook, SENTENCE)
    monkeypatch.setattr(embed, "embed_whole", lambda stopping: False)
    work(document)
    embed_documents = reader.embed_documents

    def meanwhile(texts):
        Document.objects.filter(pk=document.pk).update(status=Document.Status.QUEUED)
        return embed_documents(texts)

    monkeypatch.setattr(reader, "embed_documents", meanwhile)
    whole.embed_whole()
    assert not DocumentVector.objects.filter(attempt=0).exists()


def test_a_deleted_document_takes_its_vector_with_it(handbook, embedder):
    document = send(handbook, SENTENCE)
    work(document)
    document.delete()
    assert not DocumentVector.objects.exists()


def test_the_reconciler_calls_the_worker_for_what_an_error_held_up(handbook, embedder, monkeypatch):
    rung = []
    monkeypatch.setattr(reconcile, "ring_for_embedding", lambda: rung.append(1))
    work(send(handbook, SENTENCE))
    reconcile.ring_for_wholes()
    assert rung == []
    DocumentVector.objects.all().delete()
    reconcile.ring_for_wholes()
    assert rung == [1]


def failing(message, *, permanent):
    def fail(texts):
        raise EmbeddingError(message, permanent=permanent)

    return fail
