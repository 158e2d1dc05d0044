"""Another model, dimension, instruction or cut: a new index beside the old one, put to use, and taken back."""

import pytest
from django.utils import timezone

from ingestion import build, embed, purge, queue
from ingestion.tend import start_generations
from ingestion.work import embed as embed_batch
from kb.models import Chunk, Document, KnowledgeBase
from search.embedders import EmbeddingError
from search.generations.current import lacking, serving_index
from search.generations.refusals import refused, try_again
from search.generations.switch import SwitchError, cancel, forget_previous, roll_back, switch_to
from search.generations.wanted import shape_for, shape_of
from search.models import Index, IndexedDocument, SearchSettings, Vector
from search.retrieve import retrieve
from search.settings.tuning import settings_for
from search.stores import open_store
from tests.ingestion.generations import State, ask_for, fill, index_of, preset, send, work

QUESTION = "Who noted the glaze of entry 3-1?"


@pytest.fixture
def asked(embedder, monkeypatch):
    """The lane, answered by the quick engine."""
    monkeypatch.setattr("search.lane.embed_query", lambda preset, text, instruction=None: embedder.embed_query(text))
    return embedder


def found(base: KnowledgeBase) -> list[tuple]:
    passages = retrieve(QUESTION, knowledge_bases=[base], mode="vector", limit=10).passages
    return [(passage.chunk_id, passage.similarity) for passage in passages]


def test_another_dimension_embeds_nothing(handbook, embedder):
    ask_for(handbook, preset=preset("long"))
    fill(handbook, range(4))
    ask_for(handbook, dimension=32)
    embedded = len(embedder.embedded)
    work()
    serving = serving_index(handbook)
    assert (serving.dimension, len(embedder.embedded)) == (32, embedded)
    (document,) = Document.objects.all()[:1]
    chunk = document.chunks.first()
    store = open_store("exact")
    assert store.count(serving.collection) == Chunk.objects.count()
    assert chunk and not store.missing(serving.collection, [chunk.pk])


def test_another_instruction_for_questions_embeds_nothing(handbook, embedder):
    fill(handbook, range(4))
    embedded, old = len(embedder.embedded), serving_index(handbook)
    ask_for(handbook, query_instruction="Question: ")
    work()
    new = serving_index(handbook)
    assert (new.query_instruction, new.chunking, len(embedder.embedded)) == ("Question: ", old.chunking, embedded)


def test_another_model_builds_beside_the_one_that_answers_which_is_kept(handbook, embedder):
    fill(handbook, range(4))
    old = serving_index(handbook)
    ask_for(handbook, preset=preset("other"))
    start_generations()
    assert (serving_index(handbook), index_of(handbook, State.BUILDING).preset.name) == (old, "other")
    embed.embed_missing()
    assert serving_index(handbook).preset.name == "other"
    assert index_of(handbook, State.PREVIOUS) == old


def test_a_model_that_reads_less_does_not_take_over_passages_that_it_would_cut(handbook, embedder):
    fill(handbook, range(2))
    old = serving_index(handbook)
    ask_for(handbook, preset=preset("narrow", max_tokens=224))
    work()
    new = serving_index(handbook)
    assert (new.chunking.tokens, old.chunking.tokens) == (220, 220)
    assert new.chunking != old.chunking
    assert max(Chunk.objects.filter(chunking=new.chunking).values_list("tokens", flat=True)) <= 224


def test_building_goes_on_where_it_was_interrupted(handbook, embedder, monkeypatch):
    fill(handbook, range(6))
    ask_for(handbook, preset=preset("other"))
    start_generations()
    passages, kept = Chunk.objects.count(), []

    def killed(preset, batch):
        if kept:
            raise KeyboardInterrupt
        kept.extend(batch[:3])
        embed_batch(preset, batch[:3])
        raise KeyboardInterrupt

    embedder.embedded.clear()
    with monkeypatch.context() as dying:
        dying.setattr("ingestion.work.embed", killed)
        with pytest.raises(KeyboardInterrupt):
            embed.embed_missing()
    embed.embed_missing()
    assert serving_index(handbook).preset.name == "other"
    assert len(embedder.embedded) == passages
    assert len(set(embedder.embedded)) == passages


def test_a_document_that_comes_while_an_index_is_built_is_in_both(handbook, embedder):
    fill(handbook, range(3))
    ask_for(handbook, preset=preset("other"), switch=SearchSettings.Switch.BY_HAND)
    start_generations()
    new = send(handbook, 99)
    embed.embed_missing()
    new.refresh_from_db()
    assert new.status == Document.Status.READY
    indexes = set(IndexedDocument.objects.filter(document=new).values_list("index__state", flat=True))
    assert indexes == {State.SERVING, State.BUILT}


@pytest.fixture
def broken(embedder, monkeypatch):
    """A preset whose engine is away; `embedder` answers for all others."""
    away = preset("away")

    def loaded(preset):
        if preset == away:
            raise EmbeddingError("The model server cannot be reached.")
        return embedder

    for user in ("work", "build"):
        monkeypatch.setattr(f"ingestion.{user}.loaded", loaded)
    return away


def test_an_engine_that_is_away_holds_up_its_index_and_no_document(handbook, broken):
    fill(handbook, range(2))
    ask_for(handbook, preset=broken)
    start_generations()
    for number in (7, 8):
        document = send(handbook, number)
        embed.embed_missing()
        document.refresh_from_db()
        assert (document.status, document.error) == (Document.Status.READY, "")
    building = index_of(handbook, State.BUILDING)
    assert building.note == "The model server cannot be reached."
    assert serving_index(handbook).preset.name == "words"


def test_an_index_that_cannot_be_built_holds_up_no_other(handbook, broken):
    other = KnowledgeBase.objects.create(name="Other")
    for base, chosen in ((handbook, broken), (other, preset("fine"))):
        fill(base, range(2))
        ask_for(base, preset=chosen)
    start_generations()
    embed.embed_missing()
    assert index_of(handbook, State.BUILDING).note
    assert serving_index(other).preset.name == "fine"


def test_documents_whose_engine_is_away_hold_up_no_others(handbook, broken):
    other = KnowledgeBase.objects.create(name="Other")
    ask_for(handbook, preset=broken)
    waiting, fine = send(handbook, 1), send(other, 2)
    with pytest.raises(EmbeddingError):
        embed.embed_missing()
    waiting.refresh_from_db()
    fine.refresh_from_db()
    assert (waiting.status, waiting.error) == (Document.Status.QUEUED, "The model server cannot be reached.")
    assert fine.status == Document.Status.READY


def test_a_dead_engine_is_left_for_another_model_though_documents_wait_for_it(handbook, broken, monkeypatch):
    ask_for(handbook, preset=preset("fine"))
    fill(handbook, [1])
    Index.objects.update(preset=broken)  # as if it had died since
    Vector.objects.update(preset=broken)
    waiting = send(handbook, 2)
    start_generations()
    with pytest.raises(EmbeddingError):
        embed.embed_missing()
    assert serving_index(handbook).preset.name == "fine"
    embed.embed_missing()
    waiting.refresh_from_db()
    assert waiting.status == Document.Status.READY
    assert not lacking(serving_index(handbook)).exists()


@pytest.fixture
def picky(handbook, embedder, monkeypatch):
    """Four reports, and a model on its way that refuses some texts: those in the list."""
    fill(handbook, range(4))
    refused = ["entry 2-1 "]
    plain = embedder.embed_documents

    def embed_documents(texts):
        if any(words in text for text in texts for words in refused):
            raise EmbeddingError("The model refuses this text.", permanent=True, refuses_text=True)
        return plain(texts)

    ask_for(handbook, preset=preset("picky"))
    monkeypatch.setattr(embedder, "embed_documents", embed_documents)
    return refused


def test_documents_that_the_new_model_refuses_are_named_and_the_rest_is_built(handbook, picky):
    work()
    built = index_of(handbook, State.BUILT)
    (refusal,) = refused(built)
    assert (refusal.document.name, refusal.reason) == ("report-2.txt", "The model refuses this text.")
    assert IndexedDocument.objects.filter(index=built).count() == 3
    assert not lacking(built).exists()


def test_an_index_that_would_lose_documents_waits_for_a_person(handbook, picky):
    work()
    built = index_of(handbook, State.BUILT)
    assert "refuses one document that is found now" in built.note
    with pytest.raises(SwitchError, match="refuses one document"):
        switch_to(built)
    switch_to(built, without_refused=True)
    assert serving_index(handbook) == built
    assert [refusal.document.name for refusal in refused(built)] == ["report-2.txt"]


def test_a_manager_may_let_an_index_serve_without_what_its_model_refuses(handbook, picky):
    ask_for(handbook, switch_without_refused=True)
    work()
    assert serving_index(handbook).preset.name == "picky"


def test_what_the_index_in_use_does_without_keeps_no_other_from_being_put_to_use(handbook, picky):
    ask_for(handbook, switch_without_refused=True)
    work()
    ask_for(handbook, switch_without_refused=False, preset=preset("as picky"))
    work()
    serving = serving_index(handbook)
    assert (serving.preset.name, refused(serving).count()) == ("as picky", 1)


def test_a_refused_document_that_was_read_anew_is_tried_again(handbook, picky):
    work()
    built = index_of(handbook, State.BUILT)
    document = refused(built).get().document
    picky.clear()
    embed.embed_missing()
    assert refused(built).exists()  # its text is what it was
    Document.objects.filter(pk=document.pk).update(ready_at=timezone.now())
    assert not refused(built).exists()
    assert list(lacking(built)) == [document]
    work()
    assert serving_index(handbook) == built
    assert IndexedDocument.objects.filter(index=built, document=document).exists()


def test_trying_again_helps_where_the_model_takes_the_text_now(handbook, picky):
    work()
    built = index_of(handbook, State.BUILT)
    picky.clear()
    assert try_again(built) == 1
    work()
    assert serving_index(handbook) == built


def test_a_text_is_refused_once_and_not_again_and_again(handbook, picky, embedder, monkeypatch):
    seen = []
    refusing = embedder.embed_documents

    def counted(texts):
        seen.extend(text for text in texts if "entry 2-1 " in text and len(texts) == 1)
        return refusing(texts)

    monkeypatch.setattr(embedder, "embed_documents", counted)
    work()
    embed.embed_missing()
    assert len(seen) == 1


def test_going_back_gives_the_very_results_of_before_and_can_be_taken_back(handbook, asked):
    fill(handbook, range(5))
    before = found(handbook)
    ask_for(handbook, preset=preset("other"))
    work()
    after = found(handbook)
    roll_back(handbook)
    assert found(handbook) == before
    start_generations()
    assert index_of(handbook, State.BUILDING) is None
    roll_back(handbook)
    assert found(handbook) == after
    assert settings_for(handbook).preset.name == "other"


def test_what_came_and_went_since_is_told_and_made_good_after_going_back(handbook, asked):
    gone, _kept = fill(handbook, range(2))
    ask_for(handbook, preset=preset("other"))
    work()
    fill(handbook, [5])
    queue.delete(gone)
    purge.purge_deleted()
    old = roll_back(handbook)
    assert [document.name for document in lacking(old)] == ["report-5.txt"]
    work()
    assert not lacking(old).exists()
    assert set(IndexedDocument.objects.filter(index=old).values_list("document__name", flat=True)) == {
        "report-1.txt", "report-5.txt",
    }  # fmt: skip
    documents = Chunk.objects.filter(pk__in=[pk for pk, _ in found(handbook)]).values_list("document__name", flat=True)
    assert set(documents) == {"report-1.txt", "report-5.txt"}


def test_the_settings_go_back_with_the_index(handbook, embedder):
    fill(handbook, range(2))
    ask_for(handbook, preset=preset("other"), dimension=32, query_instruction="Q: ", candidates=50)
    handbook.chunk_tokens = 60
    handbook.save()
    work()
    roll_back(handbook)
    handbook.refresh_from_db()
    settings = settings_for(handbook)
    assert (settings.preset, settings.dimension, settings.query_instruction) == (None, None, None)
    assert (handbook.chunk_tokens, settings.candidates) == (220, 50)
    assert shape_for(handbook) == shape_of(serving_index(handbook))


def test_purging_leaves_what_the_previous_index_needs_until_it_is_forgotten(handbook, asked):
    fill(handbook, range(3))
    before = found(handbook)
    vectors = Vector.objects.count()
    ask_for(handbook, preset=preset("other"))
    work()
    purge.purge_deleted()
    assert Vector.objects.count() == 2 * vectors
    roll_back(handbook)
    assert found(handbook) == before
    roll_back(handbook)
    forget_previous(handbook)
    purge.purge_deleted()
    assert Vector.objects.count() == vectors
    assert Index.objects.count() == 1
    with pytest.raises(SwitchError):
        roll_back(handbook)


def test_the_previous_index_is_forgotten_after_some_days(handbook, embedder, settings):
    settings.KB_KEEP_PREVIOUS_DAYS = 14
    fill(handbook, range(2))
    ask_for(handbook, preset=preset("other"))
    work()
    for days, still in ((13, True), (15, False)):
        then = timezone.now() - timezone.timedelta(days=days)
        Index.objects.filter(state=State.PREVIOUS).update(retired_at=then)
        start_generations()
        assert bool(index_of(handbook, State.PREVIOUS)) == still


def test_only_one_index_is_kept_to_go_back_to(handbook, embedder):
    fill(handbook, range(2))
    for name in ("second", "third"):
        ask_for(handbook, preset=preset(name))
        work()
    assert index_of(handbook, State.PREVIOUS).preset.name == "second"
    purge.purge_deleted()
    assert Index.objects.count() == 2


def test_giving_up_leaves_the_serving_index_as_it_was(handbook, asked):
    fill(handbook, range(3))
    before, vectors = found(handbook), Vector.objects.count()
    ask_for(handbook, preset=preset("other"), switch=SearchSettings.Switch.BY_HAND)
    work()
    cancel(handbook)
    purge.purge_deleted()
    work()
    assert found(handbook) == before
    assert (Index.objects.count(), Vector.objects.count(), settings_for(handbook).preset) == (1, vectors, None)
    with pytest.raises(SwitchError):
        cancel(handbook)


def test_an_index_that_was_given_up_while_a_step_was_taken_leaves_nothing(handbook, embedder, monkeypatch):
    fill(handbook, range(3))
    ask_for(handbook, preset=preset("other"))
    start_generations()
    place = build.place

    def given_up(index, documents):
        cancel(handbook)
        purge.purge_deleted()
        place(index, documents)

    monkeypatch.setattr(build, "place", given_up)
    embed.embed_missing()
    assert [index.state for index in Index.objects.all()] == [State.SERVING]


def test_by_hand_it_waits_for_a_person(handbook, embedder):
    fill(handbook, range(2))
    ask_for(handbook, preset=preset("other"), switch=SearchSettings.Switch.BY_HAND)
    work()
    built = index_of(handbook, State.BUILT)
    send(handbook, 9)
    embed.embed_missing()
    assert not lacking(built).exists()
    switch_to(built)
    assert serving_index(handbook) == built


def test_an_index_that_lacks_a_document_is_not_put_to_use(handbook, embedder):
    fill(handbook, range(2))
    ask_for(handbook, preset=preset("other"), switch=SearchSettings.Switch.BY_HAND)
    work()
    built = index_of(handbook, State.BUILT)
    IndexedDocument.objects.filter(index=built).first().delete()
    with pytest.raises(SwitchError, match="One document"):
        switch_to(built)


def test_a_document_that_was_read_anew_during_a_step_is_put_in_again(handbook, embedder, monkeypatch):
    (document,) = fill(handbook, [1])
    ask_for(handbook, preset=preset("other"), switch=SearchSettings.Switch.BY_HAND)
    start_generations()
    place = build.place

    def meanwhile(index, documents):
        Document.objects.update(ready_at=timezone.now())
        IndexedDocument.objects.filter(document=document).exclude(index__state=State.SERVING).delete()
        place(index, documents)
        monkeypatch.setattr(build, "place", place)

    monkeypatch.setattr(build, "place", meanwhile)
    assert build.build_next(lambda: False, build.Rest())
    assert list(lacking(index_of(handbook, State.BUILDING))) == [document]


def test_changing_the_settings_back_before_it_is_built_gives_it_up(handbook, embedder):
    fill(handbook, range(2))
    ask_for(handbook, preset=preset("other"))
    start_generations()
    ask_for(handbook, preset=None)
    start_generations()
    assert index_of(handbook, State.BUILDING) is None


def test_the_installations_new_model_is_taken_by_those_who_leave_it_to_the_installation(
    handbook, embedder, monkeypatch
):
    other = KnowledgeBase.objects.create(name="Other")
    mine = preset("mine")
    ask_for(other, preset=mine)
    fill(handbook, [1])
    fill(other, [2])
    new = preset("new")
    monkeypatch.setattr("search.generations.wanted.default_preset", lambda: new)
    work()
    assert (serving_index(handbook).preset.name, serving_index(other).preset) == ("new", mine)


def test_where_the_installations_model_is_away_nothing_is_rebuilt(handbook, embedder, monkeypatch):
    def away():
        raise EmbeddingError("It is not on this machine.", permanent=True)

    fill(handbook, [1])
    monkeypatch.setattr("search.generations.wanted.default_preset", away)
    start_generations()
    assert Index.objects.count() == 1


def test_a_sweep_costs_the_same_however_many_knowledge_bases_there_are(handbook, embedder, django_assert_num_queries):
    for number in range(3):
        base = KnowledgeBase.objects.create(name=str(number))
        ask_for(base, candidates=50)
        fill(base, [number])
    with django_assert_num_queries(1):
        start_generations()
