"""Which models the embed worker holds: those that answer from the start, others as long as an index needs them."""

import pytest

from kb.models import KnowledgeBase
from search import lane_models, lane_server
from search.embedders import loaded as embedders
from search.generations.current import serving_presets, used_presets
from search.models import Index, Preset
from search.presets.chosen import settings_of
from tests.engines import WordsEmbedder
from tests.search.library import make_index, make_preset


@pytest.fixture
def opened(monkeypatch):
    """The names of the models that are opened, by an engine that only remembers."""
    names: list[str] = []
    engine = WordsEmbedder(None)
    monkeypatch.setattr(embedders, "open_embedder", lambda settings: names.append(settings.model) or engine)
    monkeypatch.setattr(embedders._held, "open", {})
    monkeypatch.setattr("search.generations.current.default_preset", lambda: make_preset(4))
    return names


def base(name: str) -> KnowledgeBase:
    return KnowledgeBase.objects.create(name=name)


def index(name: str, preset: Preset, state: str = Index.State.SERVING) -> Index:
    made = make_index(base(name), preset=preset)
    Index.objects.filter(pk=made.pk).update(state=state)
    return made


@pytest.mark.django_db
def test_a_worker_that_starts_loads_what_answers_and_not_what_is_being_built(opened):
    index("one", make_preset(8))
    index("two", make_preset(16), Index.State.BUILDING)
    index("three", make_preset(32), Index.State.PREVIOUS)
    lane_server._load_serving()
    assert opened == ["test-8"]


@pytest.mark.django_db
def test_the_model_of_most_knowledge_bases_comes_first(opened):
    for name, dimension in (("one", 8), ("two", 16), ("three", 16)):
        index(name, make_preset(dimension))
    assert [preset.dimension for preset in serving_presets()] == [16, 8]


@pytest.mark.django_db
def test_without_an_index_the_installations_model_is_loaded(opened):
    lane_server._load_serving()
    assert opened == ["test-4"]


@pytest.mark.django_db
def test_a_model_that_cannot_be_loaded_holds_up_no_other(opened, monkeypatch):
    def broken(settings):
        if settings.model == "test-16":
            raise embedders.EmbeddingError("It is not on this machine.", permanent=True)
        opened.append(settings.model)
        return WordsEmbedder(settings)

    monkeypatch.setattr(embedders, "open_embedder", broken)
    for name, dimension in (("one", 16), ("two", 16), ("three", 8)):
        index(name, make_preset(dimension))
    lane_server._load_serving()
    assert opened == ["test-8"]


@pytest.mark.django_db
def test_a_model_leaves_the_memory_when_no_index_needs_it_any_more(opened):
    kept, gone = index("one", make_preset(8)), index("two", make_preset(16), Index.State.PREVIOUS)
    for each in (kept, gone):
        embedders.loaded(each.preset)
    embedders.let_go(used_presets())
    assert embedders.is_loaded(gone.preset)
    Index.objects.filter(pk=gone.pk).update(state=Index.State.RETIRED)
    embedders.let_go(used_presets())
    assert (embedders.is_loaded(kept.preset), embedders.is_loaded(gone.preset)) == (True, False)


@pytest.mark.django_db
def test_what_does_not_shape_a_model_may_change_without_loading_it_again(opened):
    """Instructions and batches: neither is the model in memory twice, nor do questions wait while it is loaded."""
    preset = index("one", make_preset(8)).preset
    embedders.loaded(preset)
    preset.query_instruction, preset.classification_instruction, preset.batch_tokens = "Find: ", "Sort: ", 4096
    preset.save()
    embedders.loaded_soon(preset)
    embedders.let_go(used_presets())
    assert embedders.is_loaded(preset)
    assert opened == ["test-8"]


@pytest.mark.django_db
def test_presets_of_one_model_share_it(opened):
    one, other = make_preset(8), make_preset(8)
    other.pk, other.name, other.document_instruction = None, "other", "passage: "
    other.save()
    for each in (one, other):
        embedders.loaded(each)
    assert opened == ["test-8"]


@pytest.mark.django_db
def test_another_backend_or_reach_is_another_model(opened):
    preset = make_preset(8)
    embedders.loaded(preset)
    for field, value in (("backend", "torch"), ("max_tokens", 128), ("pooling", "cls"), ("dtype", "bfloat16")):
        setattr(preset, field, value)
        assert not embedders.is_loaded(preset)
        embedders.loaded(preset)
    assert len(opened) == 5


@pytest.mark.django_db(transaction=True)
def test_the_query_lane_sees_what_was_changed_of_a_preset(opened, monkeypatch):
    preset, now = make_preset(8), [1000.0]
    monkeypatch.setattr("search.lane_models.time.monotonic", lambda: now[0])
    lane = lane_models.Lane()
    assert lane._preset(preset.fingerprint).backend == "auto"
    Preset.objects.update(backend="torch")
    now[0] += lane_models.READ_AGAIN - 1
    assert lane._preset(preset.fingerprint).backend == "auto"  # a question costs no look into the database
    now[0] += 2
    assert lane._preset(preset.fingerprint).backend == "torch"


@pytest.mark.django_db
def test_memory_that_is_free_again_is_given_back(opened, monkeypatch):
    given = []
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: given.append(True))
    embedders._held.open[embedders.core_of(settings_of(make_preset(8)))] = WordsEmbedder(None)
    embedders.let_go([])
    assert given == [True]
    embedders.let_go([])
    assert given == [True]
