"""The page of a knowledge base's search: what it says before saving, what saving does, and its buttons."""

import pytest
from django.urls import reverse

from kb.models import KnowledgeBase
from search.evaluation.measures import MEASURES
from search.evaluation.trial import Trial, trial_of
from search.generations.refusals import refuse
from search.models import AnswerFit, Index, Preset, Question, SearchSettings
from search.models.evaluation import EvaluationRun, QuestionSet
from search.settings.tuning import settings_for
from tests.search.library import add_document, direction, make_index, make_preset

State = Index.State
HTMX = {"HX-Request": "true"}


@pytest.fixture
def usual(monkeypatch, db):
    """The installation's model; no broker."""
    preset = make_preset(64)
    Preset.objects.filter(pk=preset.pk).update(shortest=8)
    for place in ("generations.wanted", "settings.forms", "generations.current"):
        monkeypatch.setattr(f"search.{place}.default_preset", lambda: Preset.objects.get(pk=preset.pk))
    for place in ("settings.views", "settings.api", "evaluation.jobs"):
        monkeypatch.setattr(f"search.{place}.send", lambda *words: True)
    return Preset.objects.get(pk=preset.pk)


@pytest.fixture
def index(handbook, usual):
    made = make_index(handbook, preset=usual)
    add_document(made, "The kiln opens at noon.", vectors=[direction(1, dimension=64)])
    return made


@pytest.fixture
def manager(client, alice):
    client.force_login(alice)
    return client


def page(name: str, base: KnowledgeBase) -> str:
    return reverse(name, args=[base.pk])


def form(base: KnowledgeBase, **changes) -> dict:
    """What the page's form would send."""
    kept = {
        "preset": "", "dimension": "", "query_instruction": "", "switch": "automatic", "chunk_tokens": 220,
        "chunk_overlap": 30, "vector_weight": 0.5, "document_weight": 0, "candidates": 100, "rank_constant": 5,
        "rerank": "", "rerank_candidates": 30, "passages_a_document": 3, "fold": "on", "superseded_last": "on",
        "answer_limits": "fitted", "strictness": 0, "evaluate_every_days": 0,
    }  # fmt: skip
    return {**kept, **changes}


def test_the_page_shows_the_index_in_use_and_what_is_set(manager, handbook, index):
    shown = manager.get(page("search_settings", handbook)).text.replace("\xa0", " ")
    assert "test 64" in shown
    assert "64 dimensions" in shown
    assert "256 bytes" in shown
    assert "1 passage" in shown


def test_before_the_first_document_there_is_nothing_to_show_and_nothing_is_made(manager, handbook, usual):
    assert "There is no index yet" in manager.get(page("search_settings", handbook)).text
    assert not Index.objects.exists()


def test_saving_begins_another_index_at_once(manager, handbook, index):
    answer = manager.post(page("search_settings", handbook), form(handbook, dimension=32), follow=True)
    assert "The settings are saved." in answer.text
    assert Index.objects.get(state=State.BUILDING).dimension == 32
    assert "New index" in answer.text


def test_saving_how_is_ranked_rebuilds_nothing(manager, handbook, index):
    manager.post(page("search_settings", handbook), form(handbook, candidates=50, fold=""))
    settings = settings_for(handbook)
    assert (settings.candidates, settings.fold) == (50, False)
    assert Index.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"chunk_tokens": 5}, "32"),
        ({"chunk_overlap": 150}, "half of the passage length"),
        ({"dimension": 7}, "cannot be cut to 7"),
        ({"dimension": "many"}, "whole number"),
        ({"vector_weight": 2}, "less than or equal to 1"),
        ({"preset": "999"}, "valid choice"),
        ({"preset": "x"}, "valid choice"),
    ],
)
def test_wrong_settings_are_said_in_a_sentence_and_change_nothing(manager, handbook, index, wrong, sentence):
    answer = manager.post(page("search_settings", handbook), form(handbook, **wrong))
    assert answer.status_code == 422
    assert sentence in answer.text
    handbook.refresh_from_db()
    assert (handbook.chunk_tokens, handbook.chunk_overlap) == (220, 30)
    assert not SearchSettings.objects.exists()


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_what_a_change_sets_going_is_said_before_it_is_saved(manager, handbook, index, headers):
    answer = manager.post(page("search_effect", handbook), form(handbook, dimension=32), headers=headers)
    assert "Nothing will be embedded." in answer.text
    assert not SearchSettings.objects.exists()
    assert Index.objects.count() == 1


def test_choosing_another_model_offers_its_dimensions_and_its_instruction(manager, handbook, index):
    other = Preset.objects.create(
        name="Other", model="other", dimension=1024, shortest=128, max_tokens=512, query_instruction="Query: "
    )
    sent = form(handbook, preset=other.pk, dimension=64)
    answer = manager.post(page("search_effect", handbook), sent, headers={**HTMX, "HX-Trigger-Name": "preset"})
    assert "will be embedded" in answer.text
    assert '<option value="128">128, 512 bytes a passage</option>' in answer.text.replace("\xa0", " ")
    assert 'value="64"' not in answer.text
    assert "Query: " in answer.text
    back = manager.post(
        page("search_effect", handbook),
        form(handbook, query_instruction="Query: ", shown_for=other.pk),
        headers={**HTMX, "HX-Trigger-Name": "preset"},
    )
    assert "Query: " not in back.text


def test_an_instruction_that_was_taken_away_stays_away(manager, handbook, index):
    other = Preset.objects.create(
        name="Other", model="other", dimension=64, max_tokens=512, query_instruction="Query: "
    )
    sent = form(handbook, preset=other.pk, shown_for=other.pk, query_instruction="")
    manager.post(page("search_settings", handbook), sent)
    assert settings_for(handbook).query_instruction == ""


def test_the_models_own_instruction_is_followed_when_it_changes(manager, handbook, index):
    manager.post(page("search_settings", handbook), form(handbook, query_instruction=""))
    assert settings_for(handbook).query_instruction is None
    manager.post(page("search_settings", handbook), form(handbook, query_instruction="Ask:\r\n"))
    assert settings_for(handbook).query_instruction == "Ask:\n"


def building(handbook, **fields) -> Index:
    serving = Index.objects.get(knowledge_base=handbook, state=State.SERVING)
    values = {
        "preset": serving.preset,
        "chunking": serving.chunking,
        "dimension": 32,
        "state": State.BUILDING,
        **fields,
    }
    return Index.objects.create(knowledge_base=handbook, begun_at=serving.created_at, **values)


def test_what_is_being_built_shows_how_far_it_is_and_asks_again(manager, handbook, index):
    SearchSettings.objects.create(knowledge_base=handbook, dimension=32)
    building(handbook, tokens_at_first=50_000, tokens_done=20_000, seconds_spent=40.0)
    for document in handbook.documents.all():
        document.sections.create(ordinal=0, kind="paragraph", text="The kiln opens at noon.", start=0)
    shown = manager.get(page("search_settings", handbook)).text
    assert "0 of 1 documents" in shown
    assert "30,000 tokens left" in shown
    assert "500 tokens/s" in shown
    assert "done at about" in shown
    assert 'hx-trigger="every 3s"' in shown


def test_polling_gets_the_figures_and_everything_once_more_has_changed(manager, handbook, index):
    made = building(handbook)
    signature = manager.get(page("search_settings", handbook)).context["generations"].signature
    url = f"{page('generations', handbook)}?state={signature}"
    same = manager.get(url, headers=HTMX)
    assert ("HX-Retarget" in same, "Give it up" in same.text) == (False, False)
    Index.objects.filter(pk=made.pk).update(state=State.BUILT, built_at=made.begun_at)
    other = manager.get(url, headers=HTMX)
    assert (other["HX-Retarget"], "Put it to use" in other.text) == ("#generations", True)


def test_the_buttons_put_to_use_go_back_give_up_and_forget(manager, handbook, index):
    built = building(handbook, state=State.BUILT, built_at=index.created_at)
    built.indexed_documents.create(document=handbook.documents.get(), chunks=1)
    manager.post(page("generation_switch", handbook), {"index": built.pk})
    assert Index.objects.get(state=State.SERVING) == built
    shown = manager.get(page("search_settings", handbook)).text
    assert "Go back to it" in shown
    manager.post(page("generation_rollback", handbook))
    assert Index.objects.get(state=State.SERVING) == index
    manager.post(page("generation_forget", handbook))
    assert not Index.objects.filter(state=State.PREVIOUS).exists()
    answer = manager.post(page("generation_cancel", handbook), follow=True)
    assert "No index is being built." in answer.text


@pytest.fixture
def refusing(handbook, index):
    """A built index whose model refuses the only document."""
    built = building(handbook, state=State.BUILT, built_at=index.created_at)
    refuse(built, [handbook.documents.get().pk], "Too long for this model.")
    return built


def test_the_page_names_what_the_new_model_refuses_and_offers_to_do_without(manager, handbook, refusing):
    shown = manager.get(page("search_settings", handbook)).text
    assert "Too long for this model." in shown
    assert "1 is found now and would not be any more." in shown
    answer = manager.post(page("generation_switch", handbook), {"index": refusing.pk}, follow=True)
    assert "refuses one document" in answer.text
    manager.post(page("generation_switch", handbook), {"index": refusing.pk, "without_refused": "1"})
    refusing.refresh_from_db()
    assert refusing.state == State.SERVING
    assert "Too long for this model." in manager.get(page("search_settings", handbook)).text
    assert "Questions do not find this document" in manager.get(handbook.documents.get().get_absolute_url()).text


def test_the_button_lets_refused_documents_be_tried_again(manager, handbook, refusing):
    Index.objects.filter(pk=refusing.pk).update(note="It waits.")
    answer = manager.post(page("generation_retry", handbook), {"index": refusing.pk}, follow=True)
    assert "They are tried again." in answer.text
    refusing.refresh_from_db()
    assert (refusing.refusals.count(), refusing.note) == (0, "")


def test_over_the_api_refused_documents_are_listed_tried_again_and_done_without(client, handbook, alice, refusing):
    from kb.models import ApiKey

    headers = {"authorization": f"Bearer {ApiKey.issue(alice, 'test')[1]}"}
    url = f"/api/v1/knowledge-bases/{handbook.pk}/generations"
    made = client.get(url, headers=headers).json()["generations"][1]
    assert (made["documents_refused"], made["documents_lost"]) == (1, 1)
    assert made["refused"][0]["reason"] == "Too long for this model."
    assert client.post(f"{url}/{refusing.pk}/switch", headers=headers).status_code == 409
    assert client.post(f"{url}/{refusing.pk}/switch?without_refused=true", headers=headers).status_code == 200
    again = client.post(f"{url}/{refusing.pk}/retry", headers=headers).json()["generations"][0]
    assert (again["state"], again["documents_refused"]) == ("serving", 0)


def test_an_index_of_another_knowledge_base_is_not_put_to_use(manager, handbook, index, charlie):
    theirs = KnowledgeBase.objects.create(name="Theirs", created_by=charlie)
    other = Index.objects.create(
        knowledge_base=theirs, preset=index.preset, chunking=index.chunking, dimension=64, state=State.BUILT
    )
    answer = manager.post(page("generation_switch", handbook), {"index": other.pk}, follow=True)
    assert "no longer there" in answer.text
    other.refresh_from_db()
    assert other.state == State.BUILT


@pytest.fixture
def questioned(handbook, index):
    """A built index beside the serving one, and a saved question."""
    questions = QuestionSet.objects.create(knowledge_base=handbook, name="Ours")
    question = Question.objects.create(question_set=questions, text="When does the kiln open?")
    question.relevant.create(document=handbook.documents.get())
    made = building(handbook, state=State.BUILT, built_at=index.created_at)
    made.indexed_documents.create(document=handbook.documents.get(), chunks=1)
    return made


def finish(run: EvaluationRun, mrr: float) -> None:
    """As if it had been measured."""
    values = dict.fromkeys(MEASURES, mrr)
    answers = [{"question": n, "text": str(n), "ways": {"hybrid": {"values": values, "ranks": [1]}}} for n in range(20)]
    results = {"hybrid": {**{name: {"value": mrr} for name in values}, "milliseconds": {"p50": 12.0, "p95": 20.0}}}
    EvaluationRun.objects.filter(pk=run.pk).update(state="done", answers=answers, results=results)


@pytest.mark.parametrize(("mrr", "state"), [(0.9, "SERVING"), (0.8, "SERVING"), (0.2, "BUILT")])
def test_a_built_index_serves_by_itself_if_it_is_not_worse_on_the_saved_questions(
    manager, handbook, questioned, mrr, state
):
    from search.generations.switch import decide

    assert not decide(questioned)
    trial = trial_of(questioned)
    assert trial.state == Trial.State.RUNNING
    finish(trial.before, 0.8)
    finish(trial.after, mrr)
    decide(questioned)
    questioned.refresh_from_db()
    assert questioned.state == getattr(State, state)
    shown = manager.get(page("search_settings", handbook)).text
    if state == "BUILT":
        assert "It finds less on the saved questions" in shown
        assert ("0.800" in shown, "0.200" in shown, "12 ms" in shown) == (True, True, True)


def test_by_hand_the_saved_questions_are_asked_and_shown_all_the_same(manager, handbook, questioned):
    from search.generations.switch import decide

    SearchSettings.objects.create(knowledge_base=handbook, switch=SearchSettings.Switch.BY_HAND)
    decide(questioned)
    assert EvaluationRun.objects.filter(reason="switch").count() == 2
    decide(questioned)
    assert EvaluationRun.objects.filter(reason="switch").count() == 2
    trial = trial_of(questioned)
    for run in (trial.before, trial.after):
        finish(run, 0.9)
    assert not decide(questioned)
    assert "It is not worse" in manager.get(page("search_settings", handbook)).text


def test_a_trial_that_failed_leaves_it_to_a_person(handbook, questioned):
    from search.generations.switch import decide

    decide(questioned)
    EvaluationRun.objects.update(state="failed")
    decide(questioned)
    questioned.refresh_from_db()
    assert (questioned.state, "could not be asked" in questioned.note) == (State.BUILT, True)


def test_questions_that_know_no_document_keep_no_index_from_being_put_to_use(handbook, questioned):
    from search.generations.switch import decide

    Question.objects.get().relevant.all().delete()
    assert trial_of(questioned).state == Trial.State.NO_QUESTIONS
    assert decide(questioned)
    assert not EvaluationRun.objects.exists()


def test_over_the_api_settings_are_read_changed_and_the_indexes_watched(client, handbook, alice, index):
    from kb.models import ApiKey

    headers = {"authorization": f"Bearer {ApiKey.issue(alice, 'test')[1]}"}
    url = f"/api/v1/knowledge-bases/{handbook.pk}"
    was = client.get(f"{url}/search-settings", headers=headers).json()
    assert (was["preset"], was["chunk_tokens"], was["fold"]) == (None, 220, True)
    changed = client.patch(
        f"{url}/search-settings", {"dimension": 32, "fold": False}, content_type="application/json", headers=headers
    )
    assert changed.status_code == 200, changed.text
    assert "Nothing will be embedded" in changed.json()["effect"]
    assert settings_for(handbook).fold is False
    listed = client.get(f"{url}/generations", headers=headers).json()["generations"]
    assert [(one["state"], one["dimension"]) for one in listed] == [("serving", 64), ("building", 32)]
    refused = client.post(f"{url}/generations/{listed[1]['id']}/switch", headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert client.post(f"{url}/generations/cancel", headers=headers).status_code == 200
    wrong = client.patch(f"{url}/search-settings", {"dimension": 7}, content_type="application/json", headers=headers)
    assert wrong.status_code == 422
    assert "cannot be cut to 7" in wrong.text


@pytest.fixture
def fitted(index):
    """Limits that were fitted to the serving index: by them one of two answerable questions is refused."""
    observed = [
        {"signs": {"covered": 0.7, "nearness": near, "is_cjk": False}, "by_words": 0.7, "is_answerable": answerable}
        for near, answerable in ((0.6, True), (0.1, True), (0.0, False))
    ]
    return AnswerFit.objects.create(
        index=index, meaning=0.9, words=0.4, pairs=0.2, observed=observed, fitted_at=index.created_at
    )


@pytest.mark.parametrize(
    ("choice", "strictness", "said"),
    [
        ("fitted", 0, "passages are found: 1 (by the usual limits 1)"),
        ("by_hand", -20, "passages are found: 0 (by the usual limits 1)"),
        ("by_hand", 100, "passages are found: 2 (by the usual limits 1)"),
        ("usual", 100, "The usual limits are in use, as the search settings say."),
    ],
)
def test_what_limits_of_answering_would_do_is_said_before_they_are_saved(
    manager, handbook, fitted, choice, strictness, said
):
    sent = {"answer_limits": choice, "strictness": strictness}
    assert said in manager.post(page("search_limits", handbook), sent, headers=HTMX).text
    assert not SearchSettings.objects.exists()


def test_limits_are_set_by_hand_and_given_back(manager, handbook, fitted):
    from search.limits import limits_of

    manager.post(page("search_settings", handbook), form(handbook, answer_limits="by_hand", strictness="-100"))
    assert limits_of(fitted.index).meaning == 0
    assert 'value="-100"' in manager.get(page("search_settings", handbook)).text
    manager.post(page("search_settings", handbook), form(handbook))
    assert limits_of(fitted.index).meaning == 0.9


@pytest.mark.parametrize("strictness", ["-101", "101", "x", ""])
def test_a_strictness_that_is_none_is_refused(manager, handbook, index, strictness):
    sent = form(handbook, answer_limits="by_hand", strictness=strictness)
    assert manager.post(page("search_settings", handbook), sent).status_code == 422
    assert manager.post(page("search_limits", handbook), sent).status_code == 200
    assert not SearchSettings.objects.exists()


def test_over_the_api_limits_are_shown_and_set(client, handbook, alice, fitted):
    from kb.models import ApiKey

    headers = {"authorization": f"Bearer {ApiKey.issue(alice, 'test')[1]}"}
    url = f"/api/v1/knowledge-bases/{handbook.pk}/search-settings"
    shown = client.get(url, headers=headers).json()
    assert (shown["answer_limits"], shown["strictness"], shown["limits"]["meaning"]) == ("fitted", 0, 0.9)
    assert shown["limits"]["cost"]["these_limits"] == {"answerable": 2, "refused": 1, "foreign": 1, "answered": 0}
    change = {"answer_limits": "by_hand", "strictness": 100}
    changed = client.patch(url, change, content_type="application/json", headers=headers).json()
    assert (changed["limits"]["words"], changed["limits"]["cost"]["these_limits"]["refused"]) == (1.0, 2)
    assert settings_for(handbook).strictness == 100
    wrong = client.patch(url, {"strictness": 300}, content_type="application/json", headers=headers)
    assert (wrong.status_code, "strictness" in wrong.text) == (422, True)
