"""Saved questions are asked on the way of chat, and what they find is measured, whatever happens to the worker."""

from dataclasses import replace

import pytest
from django.utils import timezone

from search.embedders import EmbeddingError
from search.evaluation import ask_saved, evaluate, jobs
from search.evaluation.neutral_questions import ENGLISH
from search.evaluation.schedule import start_due
from search.models import EvaluationRun, SearchSettings
from search.rerank import RERANK_AWAY
from search.settings.tuning import Tuning
from tests.search.evaluating import TEXTS, done, keep, shelve
from tests.search.evaluating import engines as engines
from tests.search.library import make_index

pytestmark = pytest.mark.django_db
State = EvaluationRun.State


@pytest.fixture
def index(handbook):
    return make_index(handbook)


@pytest.fixture
def shelf(index, engines):
    return shelve(index)


def test_what_is_found_first_scores_one_in_every_way(handbook, shelf):
    keep(handbook, "How many days of vacation?", shelf["vacation"])
    run = done(handbook)
    assert run.state == State.DONE, run.error
    assert set(run.results) == {"vector", "keyword", "hybrid"}
    for way in run.results.values():
        assert way["recall@1"]["value"] == way["mrr@10"]["value"] == way["ndcg@10"]["value"] == 1
        assert way["recall@1"]["low"] < 0.3  # one question says little
    assert run.answers[0]["ways"]["hybrid"]["ranks"] == [1]


def test_a_wrong_document_scores_by_its_place(handbook, shelf):
    keep(handbook, "How many days of vacation?", shelf["parking"])
    run = done(handbook)
    rank = run.answers[0]["ways"]["vector"]["ranks"][0]
    assert rank > 1
    assert run.results["vector"]["mrr@10"]["value"] == pytest.approx(1 / rank, abs=1e-4)
    assert run.answers[0]["ways"]["keyword"]["ranks"] == [None]
    assert run.results["keyword"]["recall@10"]["value"] == 0


def test_a_span_is_found_only_by_a_passage_that_has_some_of_it(handbook, index, engines):
    document = shelve(index, {"two": "nothing"})["two"]
    keep(handbook, "nothing", document, start=3, end=5)
    keep(handbook, "nothing", document, start=5000, end=5010)
    ranks = [one["ways"]["vector"]["ranks"] for one in done(handbook).answers]
    assert ranks == [[1], [None]]


def test_each_way_embeds_its_own_question_and_no_document(handbook, shelf, engines):
    keep(handbook, "How many days of vacation?", shelf["vacation"])
    done(handbook)
    asked = [text for text in engines["embedded"] if text not in ENGLISH]
    assert asked == ["How many days of vacation?"] * 2  # by meaning, and by both


def test_starting_rings_for_a_worker_once_the_row_is_there(
    handbook, shelf, engines, django_capture_on_commit_callbacks
):
    keep(handbook, "Lunch?", shelf["lunch"])
    with django_capture_on_commit_callbacks(execute=True):
        run = evaluate.start(handbook)
    assert engines["sent"] == [("run_evaluation", str(run.pk))]


def test_without_questions_it_says_so(handbook, shelf):
    run = done(handbook)
    assert run.state == State.FAILED
    assert "no saved question" in run.error


def test_a_question_whose_document_was_deleted_is_not_asked(handbook, shelf):
    keep(handbook, "Lunch?", shelf["lunch"])
    keep(handbook, "Parking?", shelf["parking"])
    shelf["lunch"].deleted_at = timezone.now()
    shelf["lunch"].save()
    assert [one["text"] for one in done(handbook).answers] == ["Parking?"]


def test_without_an_index_it_says_so(handbook, engines):
    run = done(handbook)
    assert run.state == State.FAILED
    assert "no index" in run.error


def test_only_the_questions_of_the_chosen_set_are_asked(handbook, shelf):
    keep(handbook, "Lunch?", shelf["lunch"], name="One")
    other = keep(handbook, "Parking?", shelf["parking"], name="Other")
    run = done(handbook, question_set=other.question_set)
    assert [one["question"] for one in run.answers] == [other.pk]


def test_an_index_that_does_not_serve_can_be_measured(handbook, shelf, engines):
    keep(handbook, "How many days of vacation?", shelf["vacation"])
    empty = make_index_beside(handbook)
    run = done(handbook, index=empty)
    assert run.index == empty
    assert run.answers[0]["ways"]["vector"]["ranks"] == [None]


def test_what_was_folded_into_a_passage_that_says_the_same_is_found_with_it(handbook, index, engines):
    said = "Cars are parked behind the building, next to the bicycles of the staff."
    shelf = shelve(index, {"one": said, "two": said})
    for document in shelf.values():
        keep(handbook, "Where are cars parked?", document)
    ranks = [one["ways"]["hybrid"]["ranks"] for one in done(handbook, tuning=Tuning(fold=True)).answers]
    assert ranks == [[1], [1]]


def test_while_the_reranker_is_away_nothing_is_measured(handbook, shelf, monkeypatch):
    keep(handbook, "Lunch?", shelf["lunch"])
    real = ask_saved.retrieve

    def without_reranker(*arguments, **options):
        note = str(RERANK_AWAY % {"reason": "it is gone"})
        return replace(real(*arguments, **options), notes=(note,))

    monkeypatch.setattr(ask_saved, "retrieve", without_reranker)
    run = done(handbook)
    assert run.state == State.QUEUED
    assert "it is gone" in run.error


def make_index_beside(base):
    from kb.models import Chunking
    from search.models import Index
    from tests.search.library import make_preset

    chunking = Chunking.objects.create(knowledge_base=base, tokenizer="other", tokens=100, overlap=10)
    return Index.objects.create(
        knowledge_base=base, preset=make_preset(), chunking=chunking, dimension=8, state=Index.State.BUILT
    )


def test_the_proposed_numbers_are_used_and_not_the_saved_ones(handbook, shelf):
    keep(handbook, "Lunch?", shelf["lunch"])
    SearchSettings.objects.create(knowledge_base=handbook, vector_weight=0.25)
    assert evaluate.start(handbook).tuning["vector_weight"] == 0.25
    assert evaluate.start(handbook, tuning=Tuning(vector_weight=0.75)).tuning["vector_weight"] == 0.75


def test_while_the_model_is_away_nothing_is_measured_and_it_is_tried_again(handbook, shelf, engines, monkeypatch):
    keep(handbook, "How many days of vacation?", shelf["vacation"])

    def away(*arguments):
        raise EmbeddingError("away")

    with monkeypatch.context() as patched:
        patched.setattr("search.lane.embed_query", away)
        run = done(handbook)
        assert run.state == State.QUEUED
        assert "does not answer" in run.error
    evaluate.run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == (State.DONE, "")
    assert run.answers[0]["ways"]["vector"]["ranks"] == [1]


def test_what_never_answers_fails_in_the_end(handbook, shelf, settings, monkeypatch):
    keep(handbook, "Lunch?", shelf["lunch"])
    monkeypatch.setattr("search.lane.embed_query", lambda *a: (_ for _ in ()).throw(EmbeddingError("away")))
    run = done(handbook)
    for _ in range(settings.KB_MAX_ATTEMPTS - 1):
        evaluate.run(run.pk)
    run.refresh_from_db()
    assert run.state == State.FAILED


def test_a_long_run_lets_others_have_their_turn_and_goes_on_where_it_was(handbook, shelf, engines, monkeypatch):
    for title in TEXTS:
        keep(handbook, f"Which {title}?", shelf[title])
    monkeypatch.setattr(ask_saved, "ROUND", 0.0)
    run, rounds = done(handbook), 1
    assert run.state == State.QUEUED
    assert run.progress == 1
    while run.state == State.QUEUED:
        evaluate.run(run.pk)
        run.refresh_from_db()
        rounds += 1
    assert run.state == State.DONE
    assert rounds >= len(TEXTS)
    assert len(engines["embedded"]) == 2 * len(TEXTS) + len(ENGLISH)  # nothing was asked twice


def test_a_run_whose_worker_was_killed_is_gone_on_with(handbook, shelf, settings):
    keep(handbook, "Lunch?", shelf["lunch"])
    run = evaluate.start(handbook)
    for _ in range(settings.KB_MAX_ATTEMPTS - 1):
        assert jobs.claim(run.pk, "elsewhere:1:abc")
        EvaluationRun.objects.filter(pk=run.pk).update(lease_until=timezone.now())
        assert jobs.free_lost() == 1
    evaluate.run(run.pk)
    run.refresh_from_db()
    assert run.state == State.DONE


def test_a_run_that_kills_its_worker_every_time_fails_with_a_sentence(handbook, shelf, settings):
    run = evaluate.start(handbook)
    for _ in range(settings.KB_MAX_ATTEMPTS):
        jobs.claim(run.pk, "elsewhere:1:abc")
        EvaluationRun.objects.filter(pk=run.pk).update(lease_until=timezone.now())
        jobs.free_lost()
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert "stopped 3 times" in run.error


def test_a_cancelled_run_is_written_to_no_more(handbook, shelf, monkeypatch):
    keep(handbook, "Lunch?", shelf["lunch"])
    run = evaluate.start(handbook)
    real = ask_saved.retrieve

    def cancelled_meanwhile(*arguments, **options):
        jobs.cancel(run)
        return real(*arguments, **options)

    monkeypatch.setattr(ask_saved, "retrieve", cancelled_meanwhile)
    evaluate.run(run.pk)
    run.refresh_from_db()
    assert run.state == State.CANCELLED
    assert run.results == {}


def test_a_second_worker_leaves_a_run_alone(handbook, shelf, engines):
    keep(handbook, "Lunch?", shelf["lunch"])
    run = evaluate.start(handbook)
    jobs.claim(run.pk, jobs_worker := "elsewhere:1:abc")
    evaluate.run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.worker) == (State.RUNNING, jobs_worker)
    assert engines["embedded"] == []


def test_waiting_runs_are_rung_for_again(handbook, shelf, engines):
    run = evaluate.start(handbook)
    assert jobs.ring_waiting() == 1
    assert jobs.ring_waiting() == 0  # just now
    assert engines["sent"] == [("run_evaluation", str(run.pk))]


def test_the_schedule_starts_a_run_when_it_is_due_and_not_before(handbook, shelf):
    SearchSettings.objects.create(knowledge_base=handbook, evaluate_every_days=7)
    assert start_due() == 0  # there is nothing to ask
    keep(handbook, "Lunch?", shelf["lunch"])
    assert start_due() == 1
    assert start_due() == 0
    EvaluationRun.objects.update(state=State.DONE, created_at=timezone.now() - timezone.timedelta(days=8))
    assert start_due() == 1
