"""The pages on which managers save questions, measure, and compare; the command and the API that do the same."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from kb.models import ApiKey, Membership, Role
from search.evaluation.neutral_questions import ENGLISH
from search.evaluation.question_sets import keep_unanswerable
from search.evaluation.settings_trial import can_be_tried, preview, tried, verdict
from search.models import Citation, Conversation, EvaluationRun, Message, Question, QuestionSet, SearchSettings
from search.settings.tuning import Tuning
from tests.search.evaluating import TEXTS, done, keep, shelve
from tests.search.evaluating import engines as engines
from tests.search.library import make_index

pytestmark = pytest.mark.django_db


@pytest.fixture
def shelf(handbook, engines):
    return shelve(make_index(handbook))


@pytest.fixture
def saved(handbook, shelf):
    return keep(handbook, "How many days of vacation?", shelf["vacation"])


@pytest.fixture
def page(client, alice, handbook):
    client.force_login(alice)

    def at(view, *arguments, method="get", follow=True, **data):
        return getattr(client, method)(reverse(view, args=[handbook.pk, *arguments]), data, follow=follow)

    return at


def test_before_there_are_questions_the_page_says_what_to_do(page):
    response = page("evaluation")
    assert b"No questions yet" in response.content
    assert b"Evaluate now" not in response.content


def test_a_question_is_saved_with_a_chosen_passage(page, handbook, shelf):
    page("question_set_new", method="post", name="Everyday")
    number = QuestionSet.objects.get().pk
    found = page("question_set", number, question="lunch canteen")
    chunk = shelf["lunch"].listed[0]
    choice = f"{shelf['lunch'].pk}:{chunk.start}-{chunk.end}"
    assert choice in found.content.decode()
    page("question_add", number, method="post", question="Where is lunch?", relevant=[choice])
    relevant = Question.objects.get().relevant.get()
    assert (relevant.document, relevant.start, relevant.end) == (shelf["lunch"], chunk.start, chunk.end)


def test_documents_are_found_by_a_part_of_their_name(page, shelf):
    assert str(shelf["parking"].pk) in page("question_candidates", document="ARKI").content.decode()


def test_a_question_without_an_answer_is_not_saved_and_not_lost(page, saved):
    response = page("question_add", saved.question_set_id, method="post", question="A half-written one")
    assert response.status_code == 422
    assert b"A half-written one" in response.content
    assert b"Choose at least one" in response.content


def test_a_question_that_nothing_here_answers_is_saved_shown_and_taken_back(page, saved, shelf):
    number = saved.question_set_id
    page("question_add", number, method="post", question="Who found Saturn's rings?", unanswerable="on")
    marked = Question.objects.get(has_answer=False)
    assert marked.text == "Who found Saturn's rings?"
    assert b"nothing here answers it" in page("question_set", number).content
    found = page("question_set", number, show="unanswerable").context["questions"].object_list
    assert list(found) == [marked]
    assert b"To be refused" in page("question_set", number).content
    assert b"1 to be refused" in page("evaluation").content
    assert b"checked" in page("question", marked.pk).content.partition(b'name="unanswerable"')[2][:120]
    page("question", marked.pk, method="post", question="Lunch?", relevant=[str(shelf["lunch"].pk)])
    marked.refresh_from_db()
    assert (marked.has_answer, marked.relevant.get().document) == (True, shelf["lunch"])


def test_a_question_that_is_marked_as_having_no_answer_loses_its_documents(page, saved):
    kept = [str(saved.relevant.get().pk)]
    page("question", saved.pk, method="post", question=saved.text, keep=kept, unanswerable="on")
    saved.refresh_from_db()
    assert (saved.has_answer, saved.relevant.count()) == (False, 0)


def test_questions_to_be_refused_alone_start_no_evaluation(page, saved):
    page("question", saved.pk, method="post", question=saved.text, unanswerable="on")
    assert b"Evaluate now" not in page("evaluation").content
    assert page("evaluation_start", method="post", kind="run").status_code == 422


def test_documents_of_others_cannot_answer(page, saved, charlie):
    from kb.models import KnowledgeBase

    foreign = shelve(make_index(KnowledgeBase.objects.create(name="Secret")), {"secret": "hidden"})["secret"]
    response = page("question_add", saved.question_set_id, method="post", question="What?", relevant=[str(foreign.pk)])
    assert response.status_code == 422
    assert Question.objects.count() == 1


def test_a_question_is_changed_and_deleted(page, saved, shelf):
    page("question", saved.pk, method="post", question="How long?", relevant=[str(shelf["badge"].pk)])
    saved.refresh_from_db()
    assert saved.text == "How long?"
    assert saved.relevant.get().document == shelf["badge"]  # the other was not kept
    page("question_delete", saved.pk, method="post")
    assert not Question.objects.exists()


def test_two_sets_cannot_have_one_name(page, saved, handbook):
    QuestionSet.objects.create(knowledge_base=handbook, name="Other")
    assert page("question_set_new", method="post", name="Everyday").status_code == 422
    assert b"already" in page("question_set_rename", saved.question_set_id, method="post", name="Other").content
    assert sorted(QuestionSet.objects.values_list("name", flat=True)) == ["Everyday", "Other"]


def test_an_upload_says_what_was_not_found(page, shelf):
    file = io.BytesIO(b"question,document\nDays?,vacation\nWhat?,nowhere.pdf\n")
    file.name = "mine.csv"
    response = page("question_set_import", method="post", file=file)
    assert "no document “nowhere.pdf”" in response.content.decode()
    assert QuestionSet.objects.get().name == "mine"


def test_a_run_is_started_shown_and_compared(page, handbook, saved):
    response = page("evaluation_start", method="post", kind="run")
    run = EvaluationRun.objects.get()
    assert b"waiting" in response.content
    from search.evaluation import evaluate

    evaluate.run(run.pk)
    shown = page("evaluation_run", run.pk, show="all").content.decode()
    assert "1.000" in shown
    assert saved.text in shown
    assert saved.text not in page("evaluation_run", run.pk, show="lost").content.decode()
    other = done(handbook)
    compared = page("evaluation_compare", before=run.pk, after=other.pk).content.decode()
    assert "recall@5 stays at 1.000" in compared
    assert "1.000" in page("evaluation").content.decode()


def test_how_often_it_is_refused_rightly_and_wrongly_is_said(page, handbook, saved):
    marked = keep_unanswerable(saved.question_set, "Who found Saturn's rings?", "typed")
    answered = keep_unanswerable(saved.question_set, TEXTS["lunch"], "typed")
    run = done(handbook)
    shown = page("evaluation_run", run.pk).content.decode()
    assert "Refused rightly: 1 of 2 saved questions that nothing here answers." in shown
    assert f"of {len(ENGLISH)} questions about everyday things." in shown
    assert "of 1 saved questions whose right passages are found." in shown
    listed = shown.partition("Questions that nothing here answers")[2]
    assert listed.index(answered.text) < listed.index(marked.text.replace("'", "&#x27;"))
    overview = page("evaluation").content.decode()
    assert "Refused rightly: 1 of 2" in overview
    assert "1 question, asked on" in overview


def test_the_overview_says_where_the_limits_come_from_and_what_they_cost(page, handbook, shelf, monkeypatch):
    monkeypatch.setattr("search.signs.nearness_of", lambda similarity, unrelated: 0.5)
    keep(handbook, TEXTS["lunch"], shelf["lunch"])
    before = page("evaluation").content.decode()
    assert "When all saved questions are evaluated, they are fitted" in before
    done(handbook)
    after = page("evaluation").content.decode()
    assert "gave no reason for others." in after
    assert f"of {len(ENGLISH)} that nothing here answers:" in after
    assert "too few questions to fit it" in after
    SearchSettings.objects.create(knowledge_base=handbook, answer_limits="by_hand", strictness=100)
    strict = page("evaluation").content.decode()
    assert "The limits are set by hand: at 100" in strict
    assert "Refused wrongly, of 1 saved questions whose passages are found: 1 (by the usual limits 0)." in strict


def test_the_overview_asks_no_more_of_the_database_for_more_runs(page, handbook, saved, django_assert_max_num_queries):
    for _ in range(3):
        done(handbook)
    with django_assert_max_num_queries(33):
        page("evaluation")


def test_without_questions_nothing_is_started(page, handbook, shelf):
    assert page("evaluation_start", method="post", kind="run").status_code == 422
    assert not EvaluationRun.objects.exists()


def test_bob_who_edits_keeps_an_answer_of_his_and_reads_no_evaluation(client, bob, handbook, shelf):
    Membership.objects.filter(knowledge_base=handbook, user=bob).update(role=Role.EDITOR)
    conversation = Conversation.objects.create(user=bob, title="Days")
    message = Message.objects.create(conversation=conversation, question="Days?", answer="30 [1]", is_answered=True)
    Citation.objects.create(
        message=message, number=1, document=shelf["vacation"], title="vacation", text="Everyone", start=0, end=8
    )
    client.force_login(bob)
    assert b"Keep as a test question" in client.get(conversation.get_absolute_url()).content
    client.post(reverse("message_keep", args=[message.pk]))
    assert Question.objects.get().relevant.get().document == shelf["vacation"]
    assert client.get(reverse("evaluation", args=[handbook.pk])).status_code == 404


def test_bob_who_reads_only_is_not_offered_to_keep_it(client, bob, shelf):
    conversation = Conversation.objects.create(user=bob, title="Days")
    message = Message.objects.create(conversation=conversation, question="Days?", answer="30 [1]", is_answered=True)
    Citation.objects.create(message=message, number=1, document=shelf["lunch"], title="l", text="x", start=0, end=1)
    client.force_login(bob)
    assert b"Keep as a test question" not in client.get(conversation.get_absolute_url()).content
    client.post(reverse("message_keep", args=[message.pk]))
    assert not Question.objects.exists()


def test_the_command_prints_json_and_fails_below_a_limit(handbook, saved):
    out = io.StringIO()
    call_command("evaluate", "Handbook", "--json", "--fail-below", "recall@5=0.9", stdout=out)
    told = json.loads(out.getvalue())
    assert told["results"]["hybrid"]["recall@5"]["value"] == 1
    assert told["refusals"]["neutral"]["asked"] == len(ENGLISH)
    call_command("evaluate", str(handbook.pk), "--set", "Everyday", stdout=out)
    assert "1.000 (" in out.getvalue()
    assert "questions about everyday things." in out.getvalue()
    saved.relevant.update(start=5000, end=5001)
    with pytest.raises(CommandError, match=r"below 0\.9") as failed:
        call_command("evaluate", "Handbook", "--fail-below", "recall@5=0.9", stdout=out)
    assert failed.value.returncode == 1


def test_the_command_fails_when_it_is_worse_than_before(handbook, saved):
    call_command("evaluate", "Handbook", "--fail-when-worse", stdout=io.StringIO())
    call_command("evaluate", "Handbook", "--fail-when-worse", stdout=io.StringIO())
    saved.relevant.update(start=5000, end=5001)
    with pytest.raises(CommandError, match="recall@5 falls"):
        call_command("evaluate", "Handbook", "--fail-when-worse", stdout=io.StringIO())


@pytest.mark.parametrize(
    "arguments", [["Nowhere"], ["Handbook", "--set", "Nowhere"], ["Handbook", "--fail-below", "speed=9"], ["Handbook"]]
)
def test_the_command_says_why_it_cannot_measure(handbook, shelf, arguments):
    with pytest.raises(CommandError) as failed:
        call_command("evaluate", *arguments)
    assert failed.value.returncode == 2


def test_over_the_api_questions_are_saved_asked_and_read(client, alice, handbook, shelf):
    key = {"headers": {"authorization": f"Bearer {ApiKey.issue(alice, 'test')[1]}"}, "content_type": "application/json"}
    base = f"/api/v1/knowledge-bases/{handbook.pk}"
    wanted = [{"document": "vacation"}, {"document": "nowhere"}]
    body = {"name": "By a program", "questions": [{"question": "How many days of vacation?", "relevant": wanted}]}
    body["questions"].append({"question": "Who found Saturn's rings?", "relevant": []})
    kept = client.post(f"{base}/question-sets", body, **key).json()
    assert (kept["questions"], kept["incomplete"], kept["unanswerable"], len(kept["notes"])) == (2, 0, 1, 1)
    item, marked = client.get(f"{base}/question-sets/{kept['id']}", **key).json()["items"]
    assert (item["has_answer"], item["relevant"][0]["title"]) == (True, "vacation")
    assert (marked["has_answer"], marked["relevant"]) == (False, [])
    started = client.post(f"{base}/evaluations", {"question_set": kept["id"]}, **key)
    assert started.status_code == 202
    from search.evaluation import evaluate

    evaluate.run(started.json()["id"])
    found = client.get(f"{base}/evaluations/{started.json()['id']}", **key).json()
    assert found["results"][found["chat"]]["mrr@10"]["value"] == 1
    assert found["answers"][0]["ways"]["hybrid"]["ranks"] == [1]
    assert found["refusals"]["unanswerable"] == {"asked": 1, "refused": 1}
    assert found["foreign"][0]["text"] == marked["question"]
    assert client.get(f"{base}/evaluations", **key).json()["total"] == 1


def settle(run):
    from search.evaluation import evaluate

    for one in EvaluationRun.objects.filter(state="queued"):
        evaluate.run(one.pk)
    run.refresh_from_db()
    return verdict(run)


def test_settings_are_tried_only_where_they_change_the_search_and_can_be_measured(handbook, shelf):
    assert not can_be_tried(handbook, Tuning(vector_weight=0.9))  # no questions
    keep(handbook, "Lunch?", shelf["lunch"])
    assert can_be_tried(handbook, Tuning(vector_weight=0.9))
    assert not can_be_tried(handbook, Tuning())


def test_settings_that_do_no_harm_need_no_yes(handbook, saved, alice):
    run = preview(handbook, Tuning(vector_weight=0.4), alice)
    assert not verdict(run).is_settled
    found = settle(run)
    assert found.is_settled
    assert not found.needs_a_yes
    assert "does not get worse" in found.sentences[0]
    assert tried(handbook, str(run.pk), Tuning(vector_weight=0.4)) == run
    assert tried(handbook, str(run.pk), Tuning(vector_weight=0.5)) is None
    assert tried(handbook, "nonsense", Tuning()) is None


def test_settings_that_find_less_need_a_yes(page, handbook, shelf, monkeypatch):
    from search.evaluation import ask_saved

    for title in shelf:
        keep(handbook, f"What about {title}?", shelf[title])
    real = ask_saved.retrieve

    def worse(question, *, tuning, **options):
        found = real(question, tuning=tuning, **options)
        return found if tuning.vector_weight != 0.9 else type(found)((), (), 1.0, "hybrid")

    monkeypatch.setattr(ask_saved, "retrieve", worse)
    found = settle(preview(handbook, Tuning(vector_weight=0.9)))
    assert found.needs_a_yes
    assert "finds less" in found.sentences[0]
    shown = page("settings_verdict", found.run.pk).content
    assert b"Save all the same" in shown
    assert b"data-save" not in shown


def test_settings_that_could_not_be_measured_need_a_yes(handbook, saved):
    run = preview(handbook, Tuning(vector_weight=0.9))
    saved.delete()
    found = settle(run)
    assert found.needs_a_yes
    assert "nobody knows" in found.sentences[0]


def test_the_settings_page_tries_them_first_and_saves_them_then(page, client, handbook, saved):
    shown = page("search_settings").context["form"]
    data = {name: value for name, field in shown.fields.items() if (value := shown[name].value()) is not None}
    data = {name: value for name, value in data.items() if value is not False} | {"vector_weight": "0.4"}
    waiting = page("search_settings", method="post", **data)
    assert b"Nothing is saved yet" in waiting.content, waiting.context["form"].errors
    assert not SearchSettings.objects.filter(vector_weight=0.4).exists()
    run = waiting.context["verdict"].run
    settle(run)
    assert b"data-save" in page("settings_verdict", run.pk).content
    page("search_settings", method="post", **data, tried=str(run.pk))
    assert SearchSettings.objects.get(knowledge_base=handbook).vector_weight == 0.4


@pytest.fixture
def patch(client, alice, handbook, monkeypatch):
    """Change settings over the API: the status and the body."""
    monkeypatch.setattr("search.settings.forms.default_preset", lambda: handbook.indexes.get().preset)
    monkeypatch.setattr("search.generations.wanted.default_preset", lambda: handbook.indexes.get().preset)
    key = {"headers": {"authorization": f"Bearer {ApiKey.issue(alice, 'test')[1]}"}, "content_type": "application/json"}

    def sent(**changes):
        answer = client.patch(f"/api/v1/knowledge-bases/{handbook.pk}/search-settings", changes, **key)
        return answer.status_code, answer.json()

    return sent


def saved_weight(handbook):
    return SearchSettings.objects.filter(knowledge_base=handbook).values_list("vector_weight", flat=True).first()


def work():
    from search.evaluation import evaluate

    for one in EvaluationRun.objects.filter(state="queued"):
        evaluate.run(one.pk)


def test_over_the_api_settings_are_tried_first_and_saved_when_they_do_no_harm(patch, handbook, saved):
    status, answer = patch(vector_weight=0.4)
    assert (status, answer["error"]["code"]) == (409, "being_tried")
    assert EvaluationRun.objects.filter(pk=answer["trial"]["id"], state="queued").exists()
    assert patch(vector_weight=0.4)[0] == 409
    assert EvaluationRun.objects.count() == 2  # the trial that is on its way is waited for
    assert saved_weight(handbook) is None
    work()
    status, answer = patch(vector_weight=0.4)
    assert (status, answer["vector_weight"], saved_weight(handbook)) == (200, 0.4, 0.4)


def test_over_the_api_settings_that_find_less_are_saved_only_anyway(patch, handbook, shelf, monkeypatch):
    from search.evaluation import ask_saved

    for title in shelf:
        keep(handbook, f"What about {title}?", shelf[title])
    real = ask_saved.retrieve

    def worse(question, *, tuning, **options):
        found = real(question, tuning=tuning, **options)
        return found if tuning.vector_weight != 0.9 else type(found)((), (), 1.0, "hybrid")

    monkeypatch.setattr(ask_saved, "retrieve", worse)
    patch(vector_weight=0.9)
    work()
    status, answer = patch(vector_weight=0.9)
    assert (status, answer["error"]["code"]) == (409, "search_gets_worse")
    assert "recall@5 falls from 1.000 to 0.000" in answer["error"]["message"]
    assert {"way": "hybrid", "measure": "recall@5", "before": 1.0, "after": 0.0, "is_worse": True} in answer["trial"][
        "measured"
    ]
    assert saved_weight(handbook) is None
    assert patch(vector_weight=0.9, anyway=True)[0] == 200
    assert saved_weight(handbook) == 0.9


def test_over_the_api_a_trial_counts_only_against_the_settings_of_now(patch, handbook, saved):
    patch(vector_weight=0.4)
    work()
    SearchSettings.objects.create(knowledge_base=handbook, vector_weight=0.7)
    assert patch(vector_weight=0.4)[1]["error"]["code"] == "being_tried"


def test_over_the_api_settings_that_could_not_be_measured_are_tried_again_after_a_minute(patch, handbook, saved):
    patch(vector_weight=0.4)
    EvaluationRun.objects.update(state="failed", error="The model is away.")
    status, answer = patch(vector_weight=0.4)
    assert (status, answer["error"]["code"], "away" in answer["error"]["message"]) == (409, "not_measured", True)
    EvaluationRun.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert patch(vector_weight=0.4)[1]["error"]["code"] == "being_tried"


def test_over_the_api_what_changes_no_ranking_is_saved_at_once(patch, handbook, saved):
    assert patch(evaluate_every_days=7)[0] == 200
    assert not EvaluationRun.objects.exists()
