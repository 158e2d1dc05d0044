"""A file comes in, is parsed, cut, embedded and found; or it fails with a sentence. Run twice, nothing changes."""

import io

import pytest
from django.db.models import Q
from django.utils import timezone

from ingestion import embed, lease, pipeline, purge, queue
from ingestion import work as work_of
from ingestion.errors import IngestionError
from ingestion.receive import clean_folder, clean_name, receive
from kb.files import path_of
from kb.models import Chunk, Document
from search.generations.current import serving_index
from search.generations.switch import forget_previous
from search.models import Index, IndexedDocument, Vector

TEXT = "Rules\n\nThe kiln opens at noon.\n\nGlazes are mixed on Tuesdays.\n"
Status, Stage = Document.Status, Document.Stage


def send(handbook, text=TEXT, name="rules.txt", **more):
    return receive(io.BytesIO(text.encode()), knowledge_base=handbook, user=more.pop("user", None), name=name, **more)


@pytest.fixture
def document(handbook, embedder):
    return send(handbook).document


def work(document=None):
    """What the workers do, one after the other."""
    for pk in Document.objects.filter(status=Status.QUEUED, stage=Stage.PARSING).values_list("pk", flat=True):
        pipeline.parse_document(str(pk))
    embed.embed_missing()
    if document:
        document.refresh_from_db()


def test_a_file_becomes_ready_with_text_vectors_and_a_place_in_the_index(document):
    work(document)
    assert (document.status, document.error) == (Status.READY, "")
    assert document.title == "rules"
    chunks = list(document.chunks.all())
    assert "The kiln opens at noon." in " ".join(chunk.text for chunk in chunks)
    assert Vector.objects.filter(digest__in=[chunk.digest for chunk in chunks]).count() == len(chunks)
    assert IndexedDocument.objects.get(document=document).chunks == len(chunks)


def test_the_text_of_a_chunk_is_its_slice_of_the_documents_text(document):
    work(document)
    text = "\n\n".join(document.sections.values_list("text", flat=True))
    for chunk in document.chunks.all():
        assert text[chunk.start : chunk.end] == chunk.text


def test_running_every_task_ten_times_changes_nothing(document, embedder):
    work(document)
    before = list(Chunk.objects.values_list("pk", "text")), len(embedder.embedded), document.ready_at
    for _ in range(10):
        pipeline.parse_document(str(document.pk))
        embed.embed_missing()
    document.refresh_from_db()
    assert (list(Chunk.objects.values_list("pk", "text")), len(embedder.embedded), document.ready_at) == before


def test_the_same_content_is_the_same_document(handbook, document):
    again = send(handbook, name="copy.txt")
    assert (again.is_new, again.document.pk) == (False, document.pk)
    assert Document.objects.count() == 1


def test_a_second_knowledge_base_with_the_same_file_embeds_nothing(document, embedder, alice):
    from kb.models import KnowledgeBase

    work(document)
    embedded = len(embedder.embedded)
    other = KnowledgeBase.objects.create(name="Copy")
    twin = send(other).document
    work(twin)
    assert twin.status == Status.READY
    assert len(embedder.embedded) == embedded


def test_sending_a_failed_file_again_tries_it_again(handbook, document):
    Document.objects.update(status=Status.FAILED, error="It did not work.")
    again = send(handbook)
    again.document.refresh_from_db()
    assert (again.document.status, again.document.error) == (Status.QUEUED, "")


@pytest.mark.parametrize(("content", "sentence"), [(b"", "This file is empty."), (b"x" * 2_000_000, "larger than")])
def test_what_cannot_be_taken_is_refused_with_a_sentence_and_leaves_nothing(
    handbook, embedder, settings, content, sentence
):
    settings.KB_MAX_UPLOAD_MB = 1
    with pytest.raises(IngestionError, match=sentence):
        receive(io.BytesIO(content), knowledge_base=handbook, user=None, name="a.txt")
    assert not Document.objects.exists()
    assert not list((settings.KB_DATA / "tmp").iterdir())


def test_a_document_without_text_fails_with_a_sentence(handbook, embedder):
    blank = send(handbook, text="   \n \n", name="blank.txt").document
    work(blank)
    assert blank.status == Status.FAILED
    assert blank.error.endswith(".")


def test_a_failure_does_not_hold_up_the_next_document(handbook, embedder):
    send(handbook, text="  \n", name="blank.txt")
    good = send(handbook).document
    work(good)
    assert good.status == Status.READY


def test_an_unforeseen_fault_is_tried_three_times_and_then_told(document, monkeypatch):
    def explode(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(pipeline, "parse", explode)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            pipeline.parse_document(str(document.pk))
    document.refresh_from_db()
    assert document.status == Status.FAILED
    assert "unforeseen" in document.error


def test_a_text_that_the_model_refuses_fails_its_document(handbook, embedder):
    bad = send(handbook, text="This is unembeddable.", name="bad.txt").document
    work(bad)
    assert (bad.status, bad.error) == (Status.FAILED, "The model refuses this text.")


def test_cancelling_takes_the_document_away_from_its_worker(document):
    lease.claim(Q(pk=document.pk), "one:1:a")
    assert queue.cancel(document)
    with pytest.raises(lease.LeaseLost):
        lease.write(document, "one:1:a", title="Too late")
    work(document)
    assert document.status == Status.CANCELLED


def test_a_cancelled_document_is_queued_again_from_the_start(document):
    queue.cancel(document)
    assert queue.retry(document)
    work(document)
    assert document.status == Status.READY


def test_reingesting_keeps_the_document_and_embeds_nothing_again(document, embedder):
    work(document)
    embedded = len(embedder.embedded)
    assert queue.reingest(document)
    work(document)
    assert document.status == Status.READY
    assert len(embedder.embedded) == embedded


def test_a_deleted_document_leaves_no_trace(document, settings):
    work(document)
    file = path_of(document.sha256)
    queue.delete(document)
    purge.purge_deleted()
    assert not Document.objects.exists()
    assert not Chunk.objects.exists()
    assert not Vector.objects.exists()
    import os

    os.utime(file, (0, 0))
    purge.sweep_files()
    assert not file.exists()


def test_a_vector_that_another_document_needs_survives(handbook, document, alice):
    from kb.models import KnowledgeBase

    work(document)
    other = KnowledgeBase.objects.create(name="Copy")
    twin = send(other).document
    work(twin)
    queue.delete(document)
    purge.purge_deleted()
    assert Vector.objects.exists()
    assert path_of(twin.sha256).exists()


def test_deleting_an_archive_deletes_what_came_in_it(handbook, embedder):
    archive = Document.objects.create(
        knowledge_base=handbook, title="a", name="a.zip", media_type="application/zip", size=1, sha256="1" * 64
    )
    send(handbook, parent=archive)
    queue.delete(archive)
    assert not Document.objects.filter(deleted_at=None).exists()


def test_a_deleted_knowledge_base_goes_with_everything_in_it(handbook, document):
    from kb.models import KnowledgeBase

    work(document)
    KnowledgeBase.objects.filter(pk=handbook.pk).update(deleted_at=timezone.now())
    purge.purge_deleted()
    purge.purge_deleted()
    assert not KnowledgeBase.objects.filter(pk=handbook.pk).exists()
    assert not Index.objects.exists()
    assert not Vector.objects.exists()


def test_another_passage_length_builds_a_generation_beside_the_serving_one(handbook, document):
    from ingestion.reconcile import start_generations

    work(document)
    old = Index.objects.get(state=Index.State.SERVING)
    handbook.chunk_tokens = 40
    handbook.save()
    start_generations()
    assert Index.objects.get(state=Index.State.SERVING) == old
    embed.embed_missing()
    new = Index.objects.get(state=Index.State.SERVING)
    assert (new.pk != old.pk, new.chunking.tokens) == (True, 40)
    assert Chunk.objects.filter(chunking=old.chunking).exists()
    forget_previous(handbook)
    purge.purge_deleted()
    assert not Chunk.objects.exclude(chunking=new.chunking).exists()
    assert IndexedDocument.objects.filter(index=new, document=document).exists()


def test_many_documents_share_a_round():
    queue = [work_of.Work(n, str(n), tokens, None) for n, tokens in enumerate(sorted([5, 200, 10, 10, 120, 64]))]
    sizes = [[item.tokens for item in batch] for batch in work_of.batches(queue, 130)]
    assert sizes == [[5, 10, 10], [64], [120], [200]]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\win.txt", "win.txt"),
        ("a\x00b\u202e.txt", "ab.txt"),
        ("x" * 400 + ".pdf", "x" * 251 + ".pdf"),
        ("", "untitled"),
    ],
)
def test_names_lose_what_could_do_harm(given, kept):
    assert clean_name(given) == kept


def test_folders_cannot_lead_out():
    assert clean_folder("/../docs/./a//..") == "docs/a"


def test_a_sweep_looks_at_all_knowledge_bases_by_one_question(handbook, document, django_assert_num_queries):
    from ingestion.reconcile import start_generations

    work(document)
    with django_assert_num_queries(1):
        start_generations()


def test_what_went_wrong_is_said_in_the_uploaders_language(handbook, alice):
    alice.language = "zh-hans"
    alice.save()
    document = send(handbook, text=" \n ", name="blank.md", user=alice).document
    pipeline.parse_document(str(document.pk))
    document.refresh_from_db()
    assert (document.status, document.error) == (Status.FAILED, "在该文件中未找到文字。")


def test_every_document_has_a_share_in_a_round_however_large_another_is(handbook, embedder):
    long = "\n\n".join(f"Entry {n}: the kiln was fired at {n} degrees and cooled for {n} hours." * 3 for n in range(60))
    large, small = send(handbook, text=long, name="large.txt").document, send(handbook).document
    for document in (large, small):
        pipeline.parse_document(str(document.pk))
    index = serving_index(handbook)
    shared = {work.document_id for work in work_of.missing(index, [large, small], 8)}
    assert shared == {large.pk, small.pk}
    assert len(work_of.missing(index, [large, small], 8)) < large.chunks.count()


def test_a_round_is_as_large_as_the_last_one_was_quick():
    pace = work_of.Pace()
    pace.took(100, seconds=2.0)
    assert pace.chunks == 300
    pace.took(100, seconds=1000.0)
    assert pace.chunks == work_of.FEWEST
    pace.took(1, seconds=0.001)  # too few to tell
    assert pace.chunks == work_of.FEWEST


def parsed(document: Document) -> Document:
    pipeline.parse_document(str(document.pk))
    document.refresh_from_db()
    return document


def test_being_told_to_stop_is_not_held_against_a_document(document, embedder):
    parsed(document)
    for _ in range(10):
        answers = iter([False, True, True])
        embed.embed_missing(lambda answers=answers: next(answers, True))
    document.refresh_from_db()
    assert (document.status, document.attempt) == (Status.QUEUED, 0)


def test_an_engine_that_is_away_is_not_held_against_a_document(document, embedder, monkeypatch):
    from search.keywords import KeywordError

    def away(*args):
        raise KeywordError("The keyword index cannot be written.")

    parsed(document)
    monkeypatch.setattr(embed, "place", away)
    for _ in range(8):
        with pytest.raises(KeywordError):
            embed.embed_missing()
    document.refresh_from_db()
    assert (document.status, document.attempt) == (Status.QUEUED, 0)
    assert document.error == "The keyword index cannot be written."


def test_a_document_under_which_embedding_breaks_every_time_has_failed_with_a_sentence(document, embedder, monkeypatch):
    def explode(*args):
        raise ZeroDivisionError

    parsed(document)
    monkeypatch.setattr(embed, "embed_apart", explode)
    for _ in range(6):
        with pytest.raises(ZeroDivisionError):
            embed.embed_missing()
    document.refresh_from_db()
    assert document.status == Status.FAILED
    assert "unforeseen" in document.error
