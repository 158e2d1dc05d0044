"""Versions, topics and tags are found in the background: the row is the job."""

import os
import socket
from datetime import timedelta

import pytest
from django.utils import timezone

from kb.kept import Kept
from kb.models import Document
from search import lane
from search.embedders import EmbeddingError
from search.models import (
    DocumentTag,
    DocumentVector,
    OrganisingJob,
    Preset,
    Resemblance,
    Tag,
    TaskVector,
    Topic,
    TopicDocument,
)
from search.organising import due as organising_due
from search.organising import jobs as organising_jobs
from search.organising import organise
from search.organising.tags import decide
from search.organising.topics import in_old_places
from search.vectors import encode
from tests.engines import DIMENSION, WordsEmbedder
from tests.search.library import make_index
from tests.search.papers import paper, prose

Kind, State = OrganisingJob.Kind, OrganisingJob.State
SUBJECTS = {
    "cake": "butter sugar flour oven bake cake cream recipe",
    "wing": "wing flow pressure supersonic boundary layer drag lift",
    "law": "court contract judge liability statute claim appeal verdict",
}
GONE = f"{socket.gethostname()[:40]}:999999:x"


@pytest.fixture
def engine(monkeypatch):
    """The lane's answers by words; what was embedded is in `.embedded`."""
    made = WordsEmbedder(None)

    def embed(preset, texts: list[str], instruction: str):
        return made.embed_documents([instruction + text for text in texts])

    monkeypatch.setattr(lane, "embed_instructed", embed)
    return made


@pytest.fixture
def rung(monkeypatch):
    calls: list[str] = []
    monkeypatch.setattr(organising_jobs, "send", lambda task, *arguments: calls.append(arguments[0]) or True)
    return calls


@pytest.fixture
def preset(db):
    return Preset.objects.create(name="words", model="words", dimension=DIMENSION, max_tokens=256)


@pytest.fixture
def library(handbook, preset, engine):
    """Six documents on each of three subjects, with vectors."""
    make_index(handbook, preset=preset)
    for subject, words in SUBJECTS.items():
        for n in range(6):
            add(handbook, preset, f"{subject} {n}.txt", f"{words} {words} {prose(n, 6)}")
    return handbook


def add(base, preset, name: str, text: str) -> Document:
    document = paper(base, name, text, ready_at=timezone.now())
    (vector,) = WordsEmbedder(None).embed_documents([text])
    DocumentVector.objects.create(
        preset=preset, document=document, digest=name, data=encode(vector), tokens=9, tokens_read=9
    )
    return document


def job(base, kind) -> OrganisingJob | None:
    return OrganisingJob.objects.filter(knowledge_base=base, kind=kind).first()


def do(base, kind) -> OrganisingJob:
    organise.run(organising_jobs.want(base, kind).pk)
    return job(base, kind)


def subjects_of(topic: Topic) -> set[str]:
    return {name.split()[0] for name in topic.members.values_list("document__name", flat=True)}


def test_documents_are_sorted_by_what_they_are_about(library, rung):
    done = do(library, Kind.TOPICS)
    topics = list(Topic.objects.filter(knowledge_base=library))
    assert (done.state, done.documents) == (State.DONE, 18)
    assert sorted(map(subjects_of, topics), key=str) == [{"cake"}, {"law"}, {"wing"}]
    for topic in topics:
        assert set(" ".join(topic.words[:3]).split()) <= set(SUBJECTS[subjects_of(topic).pop()].split())
    assert done.score > 0.3


def test_topics_keep_their_place_and_address_when_documents_come(library, preset, rung):
    do(library, Kind.TOPICS)
    before = {topic.pk: (topic.ordinal, subjects_of(topic)) for topic in Topic.objects.all()}
    for n in range(6, 12):
        add(library, preset, f"law {n}.txt", SUBJECTS["law"])
    do(library, Kind.TOPICS)
    assert {topic.pk: (topic.ordinal, subjects_of(topic)) for topic in Topic.objects.all()} == before
    assert TopicDocument.objects.count() == 24


def test_a_new_subject_stands_behind_the_known_ones():
    a, b, c = {1, 2, 3}, {4, 5, 6}, {7, 8}
    assert in_old_places([a, b], [c, b | {9}, a]) == [None, 1, 0]
    assert in_old_places([], [a]) == [None]
    assert in_old_places([a], [{1, 8, 9, 10}]) == [None]


def test_a_model_that_takes_an_instruction_reads_each_beginning_once(library, preset, engine, rung):
    Preset.objects.filter(pk=preset.pk).update(clustering_instruction="Topic: ")
    do(library, Kind.TOPICS)
    assert len(engine.embedded) == 18
    assert all(text.startswith("Topic: ") for text in engine.embedded)
    do(library, Kind.TOPICS)
    assert (len(engine.embedded), TaskVector.objects.count()) == (18, 18)


def test_few_documents_have_no_topics(handbook, preset, engine, rung):
    make_index(handbook, preset=preset)
    for n in range(3):
        add(handbook, preset, f"{n}.txt", prose(n, 30))
    assert do(handbook, Kind.TOPICS).state == State.DONE
    assert not Topic.objects.exists()


def test_tags_are_suggested_for_the_documents_that_fit(library, rung):
    cake = Tag.objects.create(knowledge_base=library, name="Baking", description=SUBJECTS["cake"])
    law = Tag.objects.create(knowledge_base=library, name="Law", description=SUBJECTS["law"])
    assert do(library, Kind.TAGS).state == State.DONE
    found = set(DocumentTag.objects.values_list("tag", "document__name"))
    assert {name.split()[0] for tag, name in found if tag == cake.pk} == {"cake"}
    assert len({name for tag, name in found if tag == law.pk and name.startswith("law")}) >= 5


def test_what_people_decided_stays_and_is_learnt_from(library, rung):
    tag = Tag.objects.create(knowledge_base=library, name="Kitchen")
    cakes = list(Document.objects.filter(name__startswith="cake").order_by("name"))
    wings = list(Document.objects.filter(name__startswith="wing").order_by("name"))
    decide(tag, cakes[:4], DocumentTag.State.ACCEPTED)
    decide(tag, wings[:1], DocumentTag.State.REFUSED)
    do(library, Kind.TAGS)
    states = dict(DocumentTag.objects.values_list("document__name", "state"))
    assert [states[each.name] for each in cakes] == ["accepted"] * 4 + ["suggested"] * 2
    assert states[wings[0].name] == "refused"
    assert not any(name.startswith("law") for name in states)


def test_suggestions_are_replaced_by_newer_ones(library, rung):
    tag = Tag.objects.create(knowledge_base=library, name="Baking", description=SUBJECTS["cake"])
    do(library, Kind.TAGS)
    Tag.objects.filter(pk=tag.pk).update(name="Law", description=SUBJECTS["law"])
    do(library, Kind.TAGS)
    named = [name.split()[0] for name in DocumentTag.objects.values_list("document__name", flat=True)]
    assert named.count("law") >= 5
    assert "cake" not in named


def test_the_model_is_waited_for_with_a_sentence(library, rung, monkeypatch):
    def away(*arguments):
        raise EmbeddingError("The embed worker does not answer.")

    monkeypatch.setattr(lane, "embed_instructed", away)
    Tag.objects.create(knowledge_base=library, name="Baking")
    waiting = do(library, Kind.TAGS)
    assert (waiting.state, waiting.attempt, waiting.error) == (State.QUEUED, 0, "The embed worker does not answer.")


def test_what_will_never_work_has_failed(library, rung, monkeypatch):
    def refused(*arguments):
        raise EmbeddingError("There is no such model.", permanent=True)

    monkeypatch.setattr(lane, "embed_instructed", refused)
    Tag.objects.create(knowledge_base=library, name="Baking")
    assert do(library, Kind.TAGS).state == State.FAILED
    organising_due.sweep()
    assert job(library, Kind.TAGS).state == State.FAILED


def test_an_error_of_ours_is_tried_again_and_then_said(library, rung, monkeypatch, settings):
    settings.KB_MAX_ATTEMPTS = 2
    monkeypatch.setattr(organise, "find_topics", lambda *arguments: 1 / 0)
    pk = organising_jobs.want(library, Kind.TOPICS).pk
    for state in (State.QUEUED, State.FAILED):
        with pytest.raises(ZeroDivisionError):
            organise.run(pk)
        assert job(library, Kind.TOPICS).state == state
    assert "unforeseen" in job(library, Kind.TOPICS).error


def test_the_sweep_queues_what_is_due_and_nothing_twice(library, rung, django_capture_on_commit_callbacks):
    Tag.objects.create(knowledge_base=library, name="Baking", description=SUBJECTS["cake"])
    with django_capture_on_commit_callbacks(execute=True):
        organising_due.sweep()
    assert set(OrganisingJob.objects.values_list("kind", "state")) == {(kind, "queued") for kind in Kind.values}
    assert len(set(rung)) == 3
    for kind in Kind.values:
        organise.run(job(library, kind).pk)
    rung.clear()
    organising_due.sweep()
    assert (rung, set(OrganisingJob.objects.values_list("state", flat=True))) == ([], {"done"})


def test_new_documents_are_compared_and_tagged_at_once_but_sorted_when_many_came(library, preset, rung):
    Tag.objects.create(knowledge_base=library, name="Baking", description=SUBJECTS["cake"])
    for kind in Kind.values:
        do(library, kind)
    add(library, preset, "cake again.txt", f"{SUBJECTS['cake']} {prose(99, 60)}")
    organising_due.sweep()
    states = dict(OrganisingJob.objects.values_list("kind", "state"))
    assert states == {"versions": "queued", "tags": "queued", "topics": "done"}
    for n in range(5):
        add(library, preset, f"cake more {n}.txt", prose(200 + n, 60))
    organising_due.sweep()
    assert job(library, Kind.TOPICS).state == State.QUEUED


def test_sorting_waits_while_documents_are_being_read(library, rung):
    paper(library, "late.txt", "text", status="running")
    organising_due.sweep()
    assert job(library, Kind.VERSIONS).state == State.QUEUED
    assert job(library, Kind.TOPICS) is None


def test_topics_are_found_again_when_many_documents_went(library, rung):
    do(library, Kind.TOPICS)
    Document.objects.filter(name__startswith="law").update(deleted_at=timezone.now())
    organising_due.sweep()
    assert job(library, Kind.TOPICS).state == State.QUEUED


@pytest.mark.parametrize(
    ("worker", "lease", "attempt", "state"),
    [
        (GONE, 60, 1, State.QUEUED),
        ("elsewhere:1:x", -1, 1, State.QUEUED),
        ("elsewhere:1:x", -1, 3, State.FAILED),
        (f"{socket.gethostname()[:40]}:{os.getpid()}:x", 60, 1, State.RUNNING),
    ],
    ids=["dead", "silent", "silent too often", "alive"],
)
def test_a_job_whose_worker_is_gone_is_done_by_another(handbook, rung, worker, lease, attempt, state):
    OrganisingJob.objects.create(
        knowledge_base=handbook, kind=Kind.TOPICS, state=State.RUNNING, worker=worker, attempt=attempt,
        lease_until=timezone.now() + timedelta(seconds=lease),
    )  # fmt: skip
    organising_jobs.free_lost()
    assert job(handbook, Kind.TOPICS).state == state


def test_a_job_is_done_by_one_worker(library, rung):
    pk = organising_jobs.want(library, Kind.VERSIONS).pk
    assert organising_jobs.claim(pk, "one:1:x") is not None
    assert organising_jobs.claim(pk, "two:1:x") is None
    organise.run(pk)
    assert job(library, Kind.VERSIONS).state == State.RUNNING


def test_a_job_that_was_taken_away_writes_nothing(library, rung):
    pk = organising_jobs.want(library, Kind.TOPICS).pk
    mine = organising_jobs.claim(pk, "one:1:x")
    OrganisingJob.objects.filter(pk=pk).update(worker="two:1:x")
    with pytest.raises(organising_jobs.LeaseLost):
        organising_jobs.write(mine, progress=5)


def test_versions_are_found_by_the_job(handbook, rung):
    paper(handbook, "Policy v1.docx", prose(1))
    paper(handbook, "Policy v2.docx", prose(1, changed=0.02))
    organising_due.sweep()
    organise.run(job(handbook, Kind.VERSIONS).pk)
    assert Resemblance.objects.get().state == Resemblance.State.VERSION
    assert job(handbook, Kind.VERSIONS).documents == 2


def test_the_lane_puts_the_tasks_instruction_before_a_text(preset, monkeypatch):
    class Seen(WordsEmbedder):
        def embed_documents(self, texts):
            return super().embed_documents([self.settings.document_instruction + text for text in texts])

    seen: list = []
    monkeypatch.setattr(lane, "_engines", Kept(lambda chosen: seen.append(Seen(chosen)) or seen[-1]))
    assert lane.embed_instructed(preset, ["a text"], "Sort: ").shape == (1, DIMENSION)
    assert seen[0].embedded == ["Sort: a text"]
    assert lane.embed_instructed(preset, [], "Sort: ").shape == (0, DIMENSION)
