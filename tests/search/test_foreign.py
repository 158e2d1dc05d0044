"""What a knowledge base does not answer is asked of it, too; limits are fitted to that, and hold for its index."""

from dataclasses import asdict

import pytest

from search.answerable import USUAL, Limits, limits_by_hand
from search.answerers.extractive import ExtractiveAnswerer
from search.embedders import EmbeddingError
from search.evaluation import ask_saved
from search.evaluation.answer_fits import observed_for
from search.evaluation.neutral_questions import CHINESE, ENGLISH
from search.evaluation.question_sets import keep_unanswerable
from search.limits import limits_of
from search.models import AnswerFit, EvaluationRun, Index, Question, QuestionSet, SearchSettings
from search.retrieve import retrieve
from search.structure import with_parts
from tests.search.evaluating import TEXTS, done, keep, shelve
from tests.search.evaluating import engines as engines
from tests.search.library import make_index, make_preset
from tests.search.test_evaluate import make_index_beside

pytestmark = pytest.mark.django_db
State, Reason, Chosen = EvaluationRun.State, EvaluationRun.Reason, SearchSettings.AnswerLimits


@pytest.fixture
def index(handbook):
    return make_index(handbook)


@pytest.fixture
def shelf(index, engines):
    return shelve(index)


@pytest.fixture
def saved(handbook, shelf):
    return keep(handbook, TEXTS["vacation"], shelf["vacation"])


def refused(base, text, name="Everyday"):
    """A saved question that nothing here answers."""
    return keep_unanswerable(QuestionSet.objects.get_or_create(knowledge_base=base, name=name)[0], text, "typed")


def many(base, shelf, number=24):
    """As many questions about vacation, whose passages are found."""
    for year in range(number):
        keep(base, f"Days of vacation a year in the year {2000 + year}?", shelf["vacation"])


def fitted(index, **limits) -> AnswerFit:
    return AnswerFit.objects.create(index=index, fitted_at=index.created_at, **{**asdict(USUAL), **limits})


def test_the_signs_of_each_question_are_kept_with_whether_its_passage_was_found(handbook, saved):
    row = done(handbook).answers[0]
    assert row["is_found"] is True
    assert row["signs"]["covered"] == row["signs"]["by_words"] == 1
    assert row["signs"]["nearness"] == pytest.approx(1, abs=1e-3)
    assert row["signs"]["is_cjk"] is False


def test_what_is_marked_as_having_no_answer_is_asked_and_counted_but_measures_no_search(handbook, saved):
    marked = refused(handbook, "Who discovered the rings of Saturn?")
    run = done(handbook)
    assert [row["question"] for row in run.answers] == [saved.pk]
    assert run.results["hybrid"]["questions"] == 1
    assert run.foreign[0]["question"] == marked.pk
    assert run.foreign[0]["text"] == marked.text
    assert run.refusals["unanswerable"] == {"asked": 1, "refused": 1}
    assert run.refusals["answerable"] == {"asked": 1, "refused": 0}
    assert run.refusals["neutral"]["asked"] == len(ENGLISH)
    assert run.progress == run.progress_total == 2 + len(ENGLISH)


def test_everyday_questions_are_asked_in_the_scripts_of_the_saved_ones(handbook, shelf):
    keep(handbook, "每年有多少天假期？", shelf["vacation"])
    run = done(handbook)
    assert {row["question"].split()[0] for row in run.foreign} == {"zh"}
    assert run.refusals["neutral"]["asked"] == len(CHINESE)
    assert all(row["signs"]["is_cjk"] for row in run.foreign)


def test_what_people_ask_of_other_knowledge_bases_is_neither_asked_nor_kept(handbook, saved, engines, charlie):
    from kb.models import KnowledgeBase

    other = KnowledgeBase.objects.create(name="Secret", created_by=charlie)
    keep(other, "What is the secret password?", shelve(make_index(other), {"secret": "It is hidden."})["secret"])
    refused(other, "Who is the secret lover?")
    run = done(handbook)
    assert not any("secret" in text for text in engines["embedded"])
    kept = [run.answers, run.foreign, AnswerFit.objects.get().observed]
    assert "secret" not in str(kept)


def test_a_fit_keeps_numbers_and_no_words(handbook, saved):
    refused(handbook, "Who discovered the rings of Saturn?")
    done(handbook)
    kept = str(AnswerFit.objects.get().observed)
    assert "Saturn" not in kept
    assert "vacation" not in kept


def test_with_few_questions_the_usual_limits_stay(handbook, index, saved):
    done(handbook)
    assert limits_of(index) == USUAL
    assert len(observed_for(index.answer_fit)) == 1 + len(ENGLISH)


def test_with_enough_questions_the_limits_are_fitted_and_hold_at_once(handbook, index, shelf, monkeypatch):
    many(handbook, shelf)
    with monkeypatch.context() as patched:  # questions whose words are there and whose meanings seem far away
        patched.setattr("search.signs.nearness_of", lambda similarity, unrelated: 0.05)
        run = done(handbook)
    fit = AnswerFit.objects.get(index=index)
    assert fit.meaning < USUAL.meaning
    assert limits_of(index) == Limits(fit.meaning, fit.words, fit.pairs)
    assert run.refusals["answerable"]["refused"] == 0
    assert run.refusals["neutral"]["refused"] == len(ENGLISH)


def test_a_question_whose_passage_was_not_found_has_no_say_in_the_fit(handbook, index, saved, shelf):
    keep(handbook, "Parking?", shelf["parking"], start=5000, end=5001)
    run = done(handbook)
    assert [row["is_found"] for row in run.answers] == [True, False]
    assert sum(one.is_answerable for one in observed_for(index.answer_fit)) == 1


def test_a_set_among_several_fits_nothing(handbook, index, saved, shelf):
    other = keep(handbook, "Parking?", shelf["parking"], name="Other")
    done(handbook, question_set=other.question_set)
    assert not AnswerFit.objects.exists()
    saved.question_set.delete()
    done(handbook, question_set=other.question_set)  # now it is all of them
    assert AnswerFit.objects.exists()


@pytest.mark.parametrize(
    ("reason", "fits"), [(Reason.SWITCH, True), (Reason.SCHEDULED, True), (Reason.SETTINGS, False)]
)
def test_runs_that_ask_as_chat_does_fit_and_others_do_not(handbook, saved, reason, fits):
    run = done(handbook, reason=reason)
    assert run.state == State.DONE
    assert AnswerFit.objects.exists() == fits
    assert bool(run.foreign) == fits


def test_another_index_has_limits_of_its_own(handbook, index, saved):
    built = make_index_beside(handbook)
    fitted(index, meaning=0.1)
    assert limits_of(built) == USUAL
    done(handbook, index=built, reason=Reason.SWITCH)
    assert AnswerFit.objects.get(index=built).meaning == USUAL.meaning
    assert limits_of(index).meaning == 0.1


def test_the_switch_to_an_index_brings_its_fit_and_going_back_the_other(handbook, index, saved):
    from search.generations.switch import roll_back, switch_to

    built = make_index_beside(handbook)
    for document in handbook.documents.all():
        built.indexed_documents.create(document=document, chunks=1)
    fitted(index, meaning=0.1)
    fitted(built, meaning=0.2)
    switch_to(built)
    assert limits_of(Index.objects.get(state=Index.State.SERVING)).meaning == 0.2
    roll_back(handbook)
    assert limits_of(Index.objects.get(state=Index.State.SERVING)).meaning == 0.1


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 0.1),
        ({"answer_limits": Chosen.FITTED}, 0.1),
        ({"answer_limits": Chosen.USUAL, "strictness": 50}, USUAL.meaning),
        ({"answer_limits": Chosen.BY_HAND, "strictness": 50}, limits_by_hand(50).meaning),
    ],
)
def test_the_settings_choose_the_limits(handbook, index, settings, expected):
    fitted(index, meaning=0.1)
    if settings:
        SearchSettings.objects.create(knowledge_base=handbook, **settings)
    assert limits_of(index).meaning == expected


def answers(question, *bases) -> bool:
    found = retrieve(question, knowledge_bases=bases)
    assert found.passages
    return ExtractiveAnswerer().is_answered_by(question, with_parts(found.passages))


def test_the_chosen_limits_decide_whether_a_question_is_answered(handbook, shelf):
    set_by_hand = SearchSettings.objects.create(knowledge_base=handbook, answer_limits=Chosen.BY_HAND)
    for strictness, expected in ((-100, True), (100, False)):
        set_by_hand.strictness = strictness
        set_by_hand.save()
        assert answers("How many days of vacation?", handbook) == expected


def test_of_several_knowledge_bases_the_one_with_the_best_passage_decides(handbook, shelf, alice):
    from kb.models import KnowledgeBase

    other = KnowledgeBase.objects.create(name="Other", created_by=alice)
    shelve(make_index(other, preset=make_preset()), {"shoes": "Shoes are left at the door."})
    SearchSettings.objects.create(knowledge_base=other, answer_limits=Chosen.BY_HAND, strictness=100)
    assert answers(TEXTS["vacation"], handbook, other)
    assert not answers("Shoes are left at the door.", handbook, other)


def test_while_the_model_does_not_compare_sentences_nothing_is_measured(handbook, saved, monkeypatch):
    def away(*arguments):
        raise EmbeddingError("away")

    monkeypatch.setattr("search.lane.embed_texts", away)
    run = done(handbook)
    assert run.state == State.QUEUED
    assert "does not answer" in run.error
    assert run.answers == []


def test_a_killed_worker_loses_no_question_that_was_to_be_refused(handbook, saved, engines, monkeypatch):
    monkeypatch.setattr(ask_saved, "ROUND", 0.0)
    run = done(handbook)
    rounds = 1
    from search.evaluation import evaluate

    while run.state == State.QUEUED:
        evaluate.run(run.pk)
        run.refresh_from_db()
        rounds += 1
    assert run.state == State.DONE
    assert rounds >= len(ENGLISH)
    assert [row["question"] for row in run.foreign] == [f"en {number}" for number in range(1, len(ENGLISH) + 1)]
    assert len(engines["embedded"]) == 2 + len(ENGLISH)


def test_with_questions_to_be_refused_alone_a_new_index_needs_no_trial(handbook, index):
    from search.evaluation.trial import Trial, trial_of

    refused(handbook, "Who discovered the rings of Saturn?")
    assert trial_of(make_index_beside(handbook)).state == Trial.State.NO_QUESTIONS
    assert not Question.objects.filter(has_answer=True).exists()
