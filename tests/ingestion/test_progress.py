"""How far a generation is and when it will be done, by a clock that the engine moves."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from ingestion import embed, meter
from ingestion.tend import start_generations
from kb.models import Document, KnowledgeBase
from search.generations.current import serving_index
from search.generations.progress import progress_of, tokens_left
from search.generations.wanted import shape_for
from search.models import DocumentVector, Index, SearchSettings
from search.settings.effect import about, effect_of, in_words
from tests.engines import WordsEmbedder
from tests.ingestion.generations import State, ask_for, fill, index_of, preset, send, work

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SLOW = 0.05  # seconds a token, padding included: half a minute a round


class Clock:
    """Time that goes by while texts are embedded, as on a real device: by batch, by token, and a little by text."""

    def __init__(self, embedder, monkeypatch, building) -> None:
        self.seconds, self.slow = 0.0, building
        self.seen: list[tuple[float, float, float]] = []  # (seconds, share, seconds left)
        plain = embedder.embed_documents

        def slowly(texts):
            longest = max(len(text.split()) for text in texts)
            self.seconds += 0.2 + SLOW * longest * len(texts) + 0.01 * len(texts)
            return plain(texts)

        monkeypatch.setattr(embedder, "embed_documents", slowly)
        for module in ("ingestion.build", "ingestion.embed"):
            monkeypatch.setattr(f"{module}.time.monotonic", lambda: self.seconds)
        monkeypatch.setattr("django.utils.timezone.now", self.now)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def look(self, base: KnowledgeBase) -> None:
        building = index_of(base, State.BUILDING)
        if building:
            progress = progress_of(building, self.now())
            if progress.seconds_left is not None:
                self.seen.append((self.seconds, progress.share, progress.seconds_left))

    def errors(self, begun: float, done: float) -> list[float]:
        """Of each estimate from a tenth of the way on to nine tenths, how far off it was of the truth."""
        tenth = begun + (done - begun) / 10
        late = begun + (done - begun) * 9 / 10
        return [abs(left - (done - at)) / (done - at) for at, _, left in self.seen if tenth <= at <= late]


@pytest.fixture
def clock(embedder, monkeypatch, settings):
    settings.KB_BATCH_TOKENS = 1024
    return Clock(embedder, monkeypatch, None)


def mixed(base: KnowledgeBase, number: int) -> None:
    """Notes of a sentence and reports of many pages, in any order."""
    lengths = [1, 2, 3, 5, 8, 13, 40, 90]
    chance = random.Random(7)
    fill(base, [])
    for n in range(number):
        send(base, n, words=chance.choice(lengths))
    embed.embed_missing()


def build(base: KnowledgeBase, clock: Clock, between=lambda step: None) -> tuple[float, float]:
    """Build to the end, a step at a time; returns when it began and when it was done."""
    start_generations()
    begun, step = clock.seconds, 0
    while index_of(base, State.BUILDING):
        turns = iter([False] * 3)
        embed.embed_missing(lambda turns=turns: next(turns, True))
        clock.look(base)
        between(step)
        step += 1
    return begun, clock.seconds


def test_from_a_tenth_of_the_way_on_the_end_is_told_within_a_quarter(handbook, clock):
    mixed(handbook, 80)
    ask_for(handbook, preset=preset("other"))
    errors = clock.errors(*build(handbook, clock))
    assert len(errors) > 5
    assert max(errors) < 0.25


def test_another_way_of_cutting_is_told_as_well(handbook, clock):
    mixed(handbook, 80)
    handbook.chunk_tokens, handbook.chunk_overlap = 60, 10
    handbook.save()
    errors = clock.errors(*build(handbook, clock))
    assert len(errors) > 5
    assert max(errors) < 0.25


@pytest.fixture
def far(clock, monkeypatch):
    """A preset whose model reads documents whole, slower by the token than passages."""
    engine = WordsEmbedder(None)
    plain = engine.embed_documents

    def slowly(texts):
        clock.seconds += 0.5 + 3 * SLOW * sum(len(text.split()) for text in texts)
        return plain(texts)

    monkeypatch.setattr(engine, "embed_documents", slowly)
    monkeypatch.setattr("ingestion.whole.loaded", lambda preset: engine)
    return preset("far", max_tokens=2000)


def test_reading_documents_whole_counts_in_the_work_its_pace_and_its_end(handbook, clock, far):
    mixed(handbook, 60)
    ask_for(handbook, preset=far)
    said = effect_of(handbook, shape_for(handbook))
    assert (said.documents, "60 documents read whole" in said.sentence) == (60, True)
    errors = clock.errors(*build(handbook, clock))
    assert len(errors) > 5
    assert max(errors) < 0.25
    read = sum(DocumentVector.objects.filter(preset=far).values_list("tokens", flat=True))
    assert said.whole_tokens == pytest.approx(read, rel=0.25)
    index = serving_index(handbook)
    assert (index.preset, index.whole_done) == (far, read)
    assert index.whole_seconds / index.whole_done > 2 * index.seconds_spent / index.tokens_done


def test_documents_that_wait_are_counted_as_they_go_first(handbook, clock):
    mixed(handbook, 40)
    ask_for(handbook, preset=preset("other"))
    start_generations()
    building = index_of(handbook, State.BUILDING)
    turns = iter([False] * 3)
    embed.embed_missing(lambda: next(turns, True))
    building.refresh_from_db()
    alone = progress_of(building, clock.now()).seconds_left
    for number in range(500, 510):
        send(handbook, number, words=60)
    crowded = progress_of(building, clock.now()).seconds_left
    before = clock.seconds
    while Document.objects.exclude(status=Document.Status.READY).exists():
        turns = iter([False] * 2)
        embed.embed_missing(lambda turns=turns: next(turns, True))
    assert crowded - alone == pytest.approx(clock.seconds - before, rel=0.25)


def test_a_steady_trickle_of_documents_slows_it_down_and_a_heap_does_not_for_ever(handbook, clock):
    mixed(handbook, 10)
    ask_for(handbook, preset=preset("other"), switch=SearchSettings.Switch.BY_HAND)
    start_generations()
    index = index_of(handbook, State.BUILDING)
    Index.objects.filter(pk=index.pk).update(tokens_at_first=100_000, tokens_done=10_000, seconds_spent=5000.0)
    index.refresh_from_db()
    now = index.begun_at + timedelta(seconds=1000)
    Document.objects.update(created_at=index.begun_at - timedelta(days=1))
    free = progress_of(index, now).seconds_left
    assert free == pytest.approx(90_000 / 2)
    documents = list(Document.objects.all())
    for number, document in enumerate(documents):
        moment = index.begun_at + timedelta(seconds=50 + 100 * number)
        Document.objects.filter(pk=document.pk).update(created_at=moment, characters=2_000)
    assert progress_of(index, now).seconds_left > free * 1.2
    Document.objects.update(created_at=index.begun_at + timedelta(seconds=50))
    assert progress_of(index, now).seconds_left == pytest.approx(free)


def test_between_two_reports_time_goes_by_but_not_for_a_worker_that_is_gone(handbook, clock):
    mixed(handbook, 10)
    ask_for(handbook, preset=preset("other"))
    start_generations()
    index = index_of(handbook, State.BUILDING)
    index.tokens_at_first, index.tokens_done, index.seconds_spent = 10_000, 5_000, 200.0
    index.spent_at = clock.now()
    left = [progress_of(index, clock.now() + timedelta(seconds=after)).seconds_left for after in (0, 15, 20, 3000)]
    assert left == pytest.approx([200, 185, 180, 180])


def test_the_pace_is_that_of_the_last_minutes(handbook, clock):
    mixed(handbook, 4)
    index = serving_index(handbook)
    Index.objects.filter(pk=index.pk).update(pace=None, seconds_spent=0.0)
    for _ in range(60):
        meter.spent(index, 200, 2.0)
    index.refresh_from_db()
    assert index.pace == pytest.approx(100.0)
    for _ in range(90):
        meter.spent(index, 100, 2.0)
    index.refresh_from_db()
    assert index.pace == pytest.approx(50.0, rel=0.1)


def test_an_index_that_was_begun_before_goes_first(handbook, clock):
    other = KnowledgeBase.objects.create(name="Other")
    chosen = preset("other")
    for base, first in ((handbook, 0), (other, 100)):
        fill(base, range(first, first + 5))
        ask_for(base, preset=chosen)
    start_generations()
    for base in (handbook, other):
        numbers = {"tokens_at_first": 2000, "tokens_done": 1000, "seconds_spent": 100.0}
        Index.objects.filter(knowledge_base=base, state=State.BUILDING).update(**numbers)
    first, second = Index.objects.filter(state=State.BUILDING).order_by("begun_at", "pk")
    assert progress_of(first).seconds_left == pytest.approx(100.0)
    assert progress_of(second).seconds_left == pytest.approx(200.0)


def test_without_anything_to_embed_it_goes_by_documents(handbook, embedder):
    fill(handbook, range(6))
    ask_for(handbook, query_instruction="Q: ")
    start_generations()
    index = index_of(handbook, State.BUILDING)
    assert tokens_left(index) == 0
    Index.objects.filter(pk=index.pk).update(seconds_spent=4.0)
    index.refresh_from_db()
    assert progress_of(index).seconds_left is None
    for document in Document.objects.all()[:2]:
        index.indexed_documents.create(document=document, chunks=1)
    assert progress_of(index).seconds_left == pytest.approx(8.0)


def test_what_a_change_costs_is_said_before(handbook, embedder):
    fill(handbook, range(4))
    passages = sum(document.chunks.count() for document in Document.objects.all())
    settings = ask_for(handbook, preset=preset("other"))
    effect = effect_of(handbook, shape_for(handbook))
    assert (effect.rebuilds, effect.passages) == (True, passages)
    assert "how long that takes is shown once it has begun" in effect.sentence
    settings.preset, settings.query_instruction = None, "Q: "
    assert effect_of(handbook, shape_for(handbook, settings)).sentence.endswith("Nothing will be embedded.")
    settings.query_instruction = None
    assert effect_of(handbook, shape_for(handbook, settings)).sentence == "The index stays as it is."


def test_what_was_embedded_before_tells_how_long_it_takes(handbook, embedder):
    fill(handbook, range(4))
    other = preset("other")
    ask_for(handbook, preset=other)
    work()
    copy = KnowledgeBase.objects.create(name="Copy")
    fill(copy, range(100, 103))
    Index.objects.filter(preset=other).update(tokens_done=100, seconds_spent=1000.0)
    ask_for(copy, preset=other)
    effect = effect_of(copy, shape_for(copy))
    assert effect.seconds == pytest.approx(effect.tokens * 10)
    assert in_words(effect.seconds) in effect.sentence


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "a minute"), (90, "2 minutes"), (3000, "50 minutes"), (8000, "2 hours")]
)
def test_times_are_said_as_people_say_them(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.parametrize(("number", "said"), [(7, 7), (99, 99), (123, 120), (12_345, 12_000)])
def test_numbers_are_said_to_two_digits(number, said):
    assert about(number) == said
