"""Passage lengths compared: an index of each is built in the background, asked, used without embedding, and removed."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from ingestion import build, embed, purge, reconcile
from ingestion.work import embed as embed_batch
from kb.models import ApiKey, Chunk, Chunking
from search.embedders import EmbeddingError
from search.evaluation import evaluate, jobs
from search.evaluation.lengths import (
    LengthsError,
    building,
    compare_lengths,
    numbers_in,
    plan,
    retire_trials,
    use_length,
)
from search.generations.current import serving_index
from search.generations.progress import progress_of
from search.models import EvaluationRun, Index, IndexedDocument, SearchSettings, Vector
from search.retrieve import retrieve
from tests.ingestion.generations import State, ask_for, fill, index_of, preset, work
from tests.search.evaluating import keep

QUESTIONS = [f"Who noted the clay of entry {n}-2?" for n in range(4)]


@pytest.fixture
def shelf(handbook, embedder, monkeypatch):
    """Four reports with a question about each; the lane answered by the quick engine; what was rung for."""
    rung = []
    monkeypatch.setattr("search.lane.embed_query", lambda preset, text, instruction=None: embedder.embed_query(text))
    for place in ("evaluation.lengths", "evaluation.jobs"):
        monkeypatch.setattr(f"search.{place}.send", lambda *message: rung.append(message) or True)
    documents = fill(handbook, range(4))
    for text, document in zip(QUESTIONS, documents, strict=True):
        keep(handbook, text, document)
    embedder.embedded.clear()
    return rung


def begin(base, *lengths) -> EvaluationRun:
    return compare_lengths(plan(base, lengths or (64, 128)), base)


def measured(run: EvaluationRun) -> EvaluationRun:
    """Built, asked, and read again."""
    embed.embed_missing()
    evaluate.run(run.pk)
    run.refresh_from_db()
    return run


def found(base) -> list[tuple]:
    passages = retrieve(QUESTIONS[2], knowledge_bases=[base], limit=10).passages
    return [(passage.chunk_id, passage.similarity) for passage in passages]


def test_what_it_takes_is_said_before(handbook, shelf):
    chosen = plan(handbook, [64, 128])
    assert [(one.tokens, one.shape.overlap, one.in_use) for one in chosen.lengths] == [
        (64, 9, False), (128, 17, False), (220, 30, True),
    ]  # fmt: skip
    now = Chunk.objects.count()
    assert chosen.lengths[2].passages == 0
    assert chosen.lengths[0].passages > chosen.lengths[1].passages > now
    assert "passages will be embedded" in chosen.sentence
    Index.objects.update(tokens_done=100, seconds_spent=1000.0)
    assert "which takes about" in plan(handbook, [64, 128]).sentence


def test_what_is_said_to_be_embedded_is(handbook, shelf, embedder):
    begin(handbook, 128)
    embed.embed_missing()
    said = plan(handbook, [64]).passages
    embedder.embedded.clear()
    EvaluationRun.objects.update(state="done", finished_at=timezone.now())
    begin(handbook, 64)
    embed.embed_missing()
    assert len(embedder.embedded) == pytest.approx(said, rel=0.25)


@pytest.mark.parametrize("wrong", [[16], [257], [220], [40, 50, 60, 70, 80, 90]])
def test_lengths_that_cannot_be_compared_are_refused(handbook, shelf, wrong):
    with pytest.raises(LengthsError):
        plan(handbook, wrong)


def test_lengths_are_read_as_people_write_them():
    assert numbers_in("128, 256;512 64") == [128, 256, 512, 64]
    for wrong in ("", "many", "128,-3", "1.5"):
        with pytest.raises(LengthsError):
            numbers_in(wrong)


def test_nothing_is_asked_before_every_index_is_built(handbook, shelf):
    run = begin(handbook)
    assert [one.tokens for one in building(run)] == [64, 128]
    evaluate.run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("queued", 0)
    jobs.ring_waiting()
    shelf.clear()
    embed.embed_missing()
    assert building(run) == []
    assert shelf == [("run_evaluation", str(run.pk))]


def test_every_length_is_measured_and_the_index_in_use_stays_as_it_was(handbook, shelf):
    serving, before = serving_index(handbook), found(handbook)
    run = measured(begin(handbook))
    assert run.state == "done", run.error
    assert list(run.results) == ["64", "128", "220"]
    for length, result in run.results.items():
        assert 0 < result["recall@5"]["low"] <= result["recall@5"]["value"] <= 1
        assert result["milliseconds"]["p50"] > 0
        assert result["bytes"] == result["passages"] * 64 * 4
        chunking = serving.chunking if length == "220" else Chunking.objects.get(tokens=length)
        assert result["passages"] == Chunk.objects.filter(chunking=chunking).count()
    assert all(set(one["ways"]) == {"64", "128", "220"} for one in run.answers)
    assert (serving_index(handbook), found(handbook)) == (serving, before)


def test_building_goes_on_where_it_was_interrupted(handbook, shelf, embedder, monkeypatch):
    run, died = begin(handbook, 64), []

    def killed(preset, batch):
        died.append(1)
        embed_batch(preset, batch[:3])
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr("ingestion.work.embed", killed)
        with pytest.raises(KeyboardInterrupt):
            embed.embed_missing()
    assert measured(run).state == "done"
    assert died
    assert len(embedder.embedded) == len(set(embedder.embedded))


def test_a_generation_and_documents_come_first(handbook, shelf, embedder):
    begin(handbook)
    ask_for(handbook, preset=preset("other"))
    order = []
    real = build._step

    def noted(index, stopping):
        order.append(index.state)
        return real(index, stopping)

    with pytest.MonkeyPatch.context() as watching:
        watching.setattr(build, "_step", noted)
        work()
    first = order.index(State.TRIAL)
    assert State.BUILDING in order[:first]
    assert State.BUILDING not in order[first:]


def test_cancelling_leaves_nothing_behind(handbook, shelf, client, alice):
    before = Vector.objects.count(), Chunk.objects.count(), found(handbook)
    run = begin(handbook)
    embed.embed_missing()
    assert Vector.objects.count() > before[0]
    client.force_login(alice)
    client.post(reverse("evaluation_cancel", args=[handbook.pk, run.pk]))
    purge.purge_deleted()
    assert (Vector.objects.count(), Chunk.objects.count(), found(handbook)) == before
    assert (Index.objects.count(), Chunking.objects.count()) == (1, 1)
    embed.embed_missing()
    assert Vector.objects.count() == before[0]


@pytest.mark.parametrize(("hours", "kept"), [(23, 3), (25, 1)])
def test_the_indexes_are_kept_for_a_day(handbook, shelf, hours, kept):
    run = measured(begin(handbook))
    EvaluationRun.objects.filter(pk=run.pk).update(finished_at=timezone.now() - timedelta(hours=hours))
    reconcile.tend_evaluations()
    purge.purge_deleted()
    assert Index.objects.count() == kept
    assert Chunking.objects.count() == kept


def test_with_a_deleted_comparison_its_indexes_go(handbook, shelf):
    measured(begin(handbook)).delete()
    assert retire_trials() == 2


def test_the_chosen_length_is_used_with_what_is_embedded_already(handbook, shelf, embedder):
    run = measured(begin(handbook))
    embedder.embedded.clear()
    ask_for(handbook, switch=SearchSettings.Switch.BY_HAND)
    assert use_length(run, "128")
    building = index_of(handbook, State.BUILDING)
    assert (building.chunking.tokens, building.chunking.overlap) == (128, 17)
    work()
    assert index_of(handbook, State.BUILT) == building
    assert embedder.embedded == []
    handbook.refresh_from_db()
    assert (handbook.chunk_tokens, handbook.chunk_overlap) == (128, 17)
    assert EvaluationRun.objects.filter(reason="switch").count() == 2  # it is held against the one in use once more
    assert not use_length(run, "100")


def test_an_index_that_is_still_to_be_measured_is_not_taken_away(handbook, shelf):
    run = begin(handbook, 128)
    handbook.chunk_tokens, handbook.chunk_overlap = 128, 17
    handbook.save()
    work()
    assert index_of(handbook, State.TRIAL).trial == run
    assert index_of(handbook, State.BUILT).chunking.tokens == 128


def test_a_second_comparison_uses_what_the_first_built_and_gives_up_the_rest(handbook, shelf, embedder):
    measured(begin(handbook, 64, 128))
    embedder.embedded.clear()
    second = measured(begin(handbook, 128))
    assert second.state == "done"
    assert embedder.embedded == []
    assert Index.objects.filter(state=State.RETIRED).get().chunking.tokens == 64
    begin(handbook, 64)
    with pytest.raises(LengthsError, match="already"):
        begin(handbook, 100)


def test_what_comes_before_is_in_the_end_that_is_told(handbook, shelf):
    begin(handbook)
    first, second = Index.objects.filter(state=State.TRIAL).order_by("begun_at", "pk")
    Index.objects.filter(state=State.SERVING).update(tokens_done=1000, seconds_spent=100.0)
    left = [progress_of(index).seconds_left for index in (first, second)]
    assert left[0] == pytest.approx(first.tokens_at_first / 10)
    assert left[1] == pytest.approx((first.tokens_at_first + second.tokens_at_first) / 10)


def test_a_document_that_the_model_refuses_does_not_hold_a_comparison_up(handbook, shelf, monkeypatch):
    plain = build.embed_apart

    def picky(preset, batch):
        refused = set(Chunk.objects.filter(text__contains="entry 2-1 ").values_list("pk", flat=True))
        plain(preset, [one for one in batch if one.chunk_id not in refused])
        error = EmbeddingError("The model refuses this text.", permanent=True)
        return [(one, error) for one in batch if one.chunk_id in refused]

    run = begin(handbook, 64)
    monkeypatch.setattr(build, "embed_apart", picky)
    assert measured(run).state == "done"
    assert IndexedDocument.objects.filter(index__state=State.TRIAL).count() == 3


@pytest.fixture
def page(client, alice, handbook):
    client.force_login(alice)

    def at(view, *arguments, method="post", **data):
        return getattr(client, method)(reverse(view, args=[handbook.pk, *arguments]), data, follow=True)

    return at


def test_a_manager_sees_what_it_takes_confirms_watches_and_uses_a_length(page, handbook, shelf):
    assert "Compare passage lengths" in page("evaluation", method="get").text
    asked = page("evaluation_lengths", lengths="64, 128", question_set="")
    assert "passages will be embedded" in asked.text
    assert not EvaluationRun.objects.exists()
    waiting = page("evaluation_lengths", lengths="64, 128", question_set="", confirmed="1")
    assert "Passages of 64 tokens" in waiting.text
    run = EvaluationRun.objects.get()
    assert "0 of 4 documents" in page("evaluation_run", run.pk, method="get", part="progress").text
    measured(run)
    shown = page("evaluation_run", run.pk, method="get").text
    assert "What is found with passages of each length" in shown
    assert shown.count('name="length"') == 2
    used = page("evaluation_use_length", run.pk, length="64")
    assert "The settings are saved." in used.text
    assert index_of(handbook, State.BUILDING).chunking.tokens == 64
    assert "was not measured" in page("evaluation_use_length", run.pk, length="65").text
    assert "comparison of passage lengths" not in page("evaluation_compare", method="get").text


def test_a_length_that_the_model_does_not_read_is_said_on_the_page(page, handbook, shelf):
    answer = page("evaluation_lengths", lengths="512", question_set="")
    assert answer.status_code == 422
    assert "512 is not between 32 and 256" in answer.text


def test_bob_who_only_reads_compares_nothing(client, bob, handbook, shelf):
    client.force_login(bob)
    assert client.post(reverse("evaluation_lengths", args=[handbook.pk]), {"lengths": "64"}).status_code == 404


def test_over_the_api_lengths_are_compared(client, alice, handbook, shelf):
    key = {"headers": {"authorization": f"Bearer {ApiKey.issue(alice, 'test')[1]}"}, "content_type": "application/json"}
    url = f"/api/v1/knowledge-bases/{handbook.pk}/evaluations"
    started = client.post(url, {"lengths": [64, 128]}, **key)
    assert (started.status_code, started.json()["reason"]) == (202, "lengths")
    measured(EvaluationRun.objects.get())
    found = client.get(f"{url}/{started.json()['id']}", **key).json()
    assert (found["chat"], list(found["results"])) == ("220", ["64", "128", "220"])
    assert client.post(url, {"lengths": [9]}, **key).status_code == 422


@pytest.fixture
def worker(monkeypatch):
    """An embed worker that works while the command waits."""
    monkeypatch.setattr("search.management.commands.evaluate.alive", lambda kind: [kind])
    monkeypatch.setattr("search.management.commands.evaluate.time.sleep", lambda seconds: embed.embed_missing())


def test_the_command_compares_lengths(handbook, shelf, worker):
    out, err = io.StringIO(), io.StringIO()
    call_command("evaluate", "Handbook", "--lengths", "64,128", "--json", stdout=out, stderr=err)
    assert list(json.loads(out.getvalue())["results"]) == ["64", "128", "220"]
    assert "will be embedded" in err.getvalue()
    out = io.StringIO()
    call_command("evaluate", "Handbook", "--lengths", "128", stdout=out, stderr=err)
    assert " passages" in out.getvalue()


def test_the_command_gives_up_what_it_began_when_it_is_stopped(handbook, shelf, worker, monkeypatch):
    def stopped(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("search.management.commands.evaluate.time.sleep", stopped)
    with pytest.raises(CommandError, match="Given up"):
        call_command("evaluate", "Handbook", "--lengths", "64", stderr=io.StringIO())
    assert EvaluationRun.objects.get().state == "cancelled"
    assert not Index.objects.filter(state=State.TRIAL).exists()


def test_without_an_embed_worker_the_command_says_so(handbook, shelf):
    with pytest.raises(CommandError, match="does not run"):
        call_command("evaluate", "Handbook", "--lengths", "64")
    with pytest.raises(CommandError, match="cannot fail"):
        call_command("evaluate", "Handbook", "--lengths", "64", "--fail-when-worse")
