"""The vectors of a text that is gone go with it; those of a text that is still there are never made again."""

import numpy as np
import pytest

from ingestion import embed, pipeline, purge, queue, whole
from ingestion.tend import start_generations
from kb.files import path_of
from kb.models import Chunk, Document, KnowledgeBase
from search import forget
from search.generations.switch import roll_back
from search.models import DocumentVector, Index, PartVector, Preset, SearchSettings, TaskVector, Vector
from search.vectors import encode
from tests.engines import DIMENSION
from tests.ingestion.generations import ask_for, preset
from tests.ingestion.test_pipeline import send, work

TEXT = "Rules\n\nThe kiln opens at noon.\n\nGlazes are mixed on Tuesdays.\n"
LONG = "\n\n".join(f"Entry {n}: the kiln was fired at {n} degrees and cooled for {n} hours." for n in range(60))


def read_anew(document: Document, text: str | None = None) -> None:
    """Ingest it again, after its file has got another text."""
    if text is not None:
        path_of(document.sha256).write_text(text)
    assert queue.reingest(document)
    work(document)


def digests(**which) -> set[str]:
    return set(Chunk.objects.filter(**which).values_list("digest", flat=True))


def kept() -> set[str]:
    return set(Vector.objects.values_list("digest", flat=True))


def test_the_vectors_of_a_text_that_was_replaced_are_forgotten(handbook, embedder):
    document = send(handbook, LONG).document
    work(document)
    before = digests()
    read_anew(document, TEXT)
    assert document.status == Document.Status.READY
    assert kept() == digests()
    assert not kept() & before


def test_reading_the_same_again_forgets_and_embeds_nothing(handbook, embedder):
    document = send(handbook, LONG).document
    work(document)
    rows, embedded = set(Vector.objects.values_list("pk", flat=True)), len(embedder.embedded)
    read_anew(document)
    assert (set(Vector.objects.values_list("pk", flat=True)), len(embedder.embedded)) == (rows, embedded)


def test_what_another_knowledge_base_says_too_stays(handbook, embedder):
    document, twin = send(handbook).document, send(KnowledgeBase.objects.create(name="Copy")).document
    work()
    copied = digests(document=twin)
    path_of(document.sha256).write_text(LONG)  # both documents have the one file; only Alice's is read anew
    read_anew(document)
    assert copied <= kept()


@pytest.mark.parametrize("switch", [SearchSettings.Switch.BY_HAND, SearchSettings.Switch.AUTOMATIC])
def test_reading_the_same_again_costs_nothing_in_the_other_generation_either(handbook, embedder, switch):
    document = send(handbook, LONG).document
    work(document)
    handbook.chunk_tokens = 60
    handbook.save()
    ask_for(handbook, preset=preset("other"), switch=switch)
    for _ in range(2):
        start_generations()
        embed.embed_missing()
    before, embedded = kept(), len(embedder.embedded)
    read_anew(document)
    if switch == SearchSettings.Switch.AUTOMATIC:
        roll_back(handbook)
    embed.embed_missing()
    assert (kept(), len(embedder.embedded)) == (before, embedded)
    assert document.indexed_in.filter(index__state=Index.State.SERVING).exists()


def test_a_replaced_text_is_forgotten_in_the_other_generation_too(handbook, embedder):
    document = send(handbook, LONG).document
    work(document)
    handbook.chunk_tokens = 60
    handbook.save()
    ask_for(handbook, preset=preset("other"))
    for _ in range(2):
        start_generations()
        embed.embed_missing()
    before = digests()
    read_anew(document, TEXT)
    assert not kept() & before
    assert not any(forget.unused())


def test_what_came_in_a_deleted_document_is_forgotten_with_it(handbook, embedder):
    archive = Document.objects.create(
        knowledge_base=handbook,
        title="a",
        name="a.zip",
        media_type="application/zip",
        size=1,
        sha256="1" * 64,
        status=Document.Status.READY,
    )
    work(send(handbook, parent=archive).document)
    Document.objects.filter(pk=archive.pk).update(deleted_at=archive.created_at)  # its member was received just then
    purge.purge_deleted()
    assert not Document.objects.exists()
    assert not Vector.objects.exists()


def test_what_was_made_of_the_whole_of_a_replaced_text_is_forgotten(handbook, embedder):
    document = send(handbook).document
    work(document)
    vector = {"preset": Preset.objects.get(), "document": document, "data": encode(np.ones(DIMENSION))}
    TaskVector.objects.create(digest="a" * 64, **vector)
    PartVector.objects.create(digest="b" * 64, tokens_read=1, **vector)
    old = DocumentVector.objects.get().digest
    path_of(document.sha256).write_text(LONG)
    queue.reingest(document)
    pipeline.parse_document(str(document.pk))
    assert not DocumentVector.objects.filter(digest=old).exists()
    assert not TaskVector.objects.exists()
    assert not PartVector.objects.exists()


def test_the_parts_of_a_document_that_is_deleted_while_it_is_read_go_with_it(handbook, embedder, monkeypatch):
    Preset.objects.update(max_tokens=2000)
    monkeypatch.setattr(whole, "loaded", lambda preset: embedder)
    monkeypatch.setattr(whole, "STEP_TOKENS", 1000)  # a part at a time
    monkeypatch.setattr(embed, "embed_whole", lambda stopping: False)
    document = send(handbook, LONG * 8).document
    work(document)
    assert whole.embed_whole()
    assert PartVector.objects.count() == 1
    queue.delete(document)
    purge.purge_deleted()
    assert not PartVector.objects.exists()
    assert not Vector.objects.exists()


def test_orphans_are_found_in_short_looks(handbook, embedder, monkeypatch):
    work(send(handbook, LONG).document)
    of = Preset.objects.get()
    data = encode(np.ones(DIMENSION))
    apart = range(0, 16**63, 16**62)
    rows = [Vector(preset=of, digest=f"{n:064x}", data=data, tokens_read=1) for n in apart]
    orphans = [vector.pk for vector in Vector.objects.bulk_create(rows)]
    text = Chunk.objects.first().digest
    alone = Vector.objects.create(preset=preset("other"), digest=text, data=data, tokens_read=1)
    monkeypatch.setattr(forget, "A_LOOK", 3)
    looks = list(forget.unused())
    assert max(map(len, looks)) <= 3
    assert sorted(pk for look in looks for pk in look) == sorted([*orphans, alone.pk])
    assert forget.forget_rows([*orphans, alone.pk, Vector.objects.first().pk]) == len(orphans) + 1
    assert kept() == digests()
