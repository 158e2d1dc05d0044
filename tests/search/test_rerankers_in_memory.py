"""Which reranking models the embed worker holds: each once, as long as something needs it."""

import gc
import threading
import weakref

import pytest

from ingestion import embed
from kb.models import KnowledgeBase
from search.models import EvaluationRun, RerankPreset, SearchSettings
from search.rerankers import RerankError
from search.rerankers import loaded as rerankers
from search.rerankers.presets import rerank_settings, settings_in_use
from tests.search.tiny_rerankers import tiny_bge

pytestmark = pytest.mark.django_db


class Remembering:
    """Scores nothing, and says what it was asked to be."""

    def __init__(self, settings, closed) -> None:
        self.settings, self.closed = settings, closed

    def using(self, settings) -> "Remembering":
        return Remembering(settings, self.closed)

    def close(self) -> None:
        self.closed.append(self.settings.model)


@pytest.fixture(autouse=True)
def nothing_is_loaded(monkeypatch):
    monkeypatch.setattr(rerankers._held, "open", {})
    monkeypatch.setattr(rerankers._held, "failed", {})


@pytest.fixture
def closed():
    """The names of the models that were let go."""
    return []


@pytest.fixture
def opened(monkeypatch, closed):
    """The names of the models that are opened, by an engine that only remembers."""
    names: list[str] = []
    monkeypatch.setattr(rerankers, "open_reranker", lambda key: names.append(key.model) or Remembering(key, closed))
    return names


def preset(name: str, **fields) -> RerankPreset:
    return RerankPreset.objects.create(name=name, **{"model": name, **fields})


def load(*presets: RerankPreset) -> None:
    for each in presets:
        rerankers.loaded(rerank_settings(each))


def held() -> set[str]:
    return {key.model for key in rerankers._held.open}


def use(preset: RerankPreset, name: str) -> KnowledgeBase:
    base = KnowledgeBase.objects.create(name=name)
    SearchSettings.objects.create(knowledge_base=base, rerank=preset)
    return base


def test_presets_of_one_model_share_it_and_each_is_asked_as_it_says(opened, settings):
    one = preset("one", model="m", instruction="Find: ")
    other = preset("other", model="m", max_tokens=64, api_key_variable="KB_RERANK_API_KEY", url="http://x/rerank")
    load(one, other)
    settings.KB_RERANK_SECONDS = 9
    asked = [rerankers.loaded_soon(rerank_settings(each)).settings for each in (one, other)]
    assert opened == ["m"]
    assert [(each.instruction, each.max_tokens, each.seconds) for each in asked] == [("Find: ", 512, 9), ("", 64, 9)]


def test_another_revision_or_device_is_another_model(opened, settings):
    one = preset("one", model="m")
    load(one)
    one.revision = "2"
    load(one)
    settings.KB_DEVICE = "cuda"
    load(one)
    assert opened == ["m"] * 3


def test_servers_that_differ_in_anything_are_opened_apart(opened):
    load(*(preset(name, engine="server", model="m", url=f"http://{name}/rerank") for name in ("one", "other")))
    assert opened == ["m", "m"]


def test_a_model_that_no_knowledge_base_uses_any_more_leaves_the_memory(opened, closed):
    default, kept, gone = (preset(name) for name in ("a default", "kept", "gone"))
    base = use(kept, "one")
    use(gone, "two")
    load(default, kept, gone)
    rerankers.let_go(settings_in_use())
    assert closed == []
    SearchSettings.objects.filter(rerank=gone).update(rerank=default)
    rerankers.let_go(settings_in_use())
    assert (closed, held()) == (["gone"], {"a default", "kept"})
    KnowledgeBase.objects.filter(pk=base.pk).update(deleted_at=base.created_at)
    rerankers.let_go(settings_in_use())
    assert held() == {"a default"}
    RerankPreset.objects.all().delete()
    rerankers.let_go(settings_in_use())
    assert held() == set()


def test_what_an_evaluation_still_asks_stays(opened):
    preset("a default")
    tried = preset("tried")
    base = KnowledgeBase.objects.create(name="one")
    EvaluationRun.objects.create(knowledge_base=base)
    run = EvaluationRun.objects.create(knowledge_base=base, tuning={"rerank": tried.pk})
    load(tried)
    rerankers.let_go(settings_in_use())
    assert held() == {"tried"}
    EvaluationRun.objects.filter(pk=run.pk).update(state=EvaluationRun.State.DONE)
    rerankers.let_go(settings_in_use())
    assert held() == set()


def test_a_server_needs_no_model_here():
    use(preset("served", engine="server", url="http://x/rerank"), "one")
    assert settings_in_use() == []


def test_presets_that_share_a_model_keep_it_for_each_other(opened, closed):
    one, other = preset("one", model="m"), preset("other", model="m", max_tokens=64)
    load(one)
    use(other, "base")
    one.delete()
    rerankers.let_go(settings_in_use())
    assert (held(), closed) == ({"m"}, [])


def test_a_run_of_the_embed_worker_lets_go(opened, closed):
    preset("a default")
    load(preset("gone"))
    embed.embed_missing()
    assert closed == ["gone"]


def test_memory_that_is_free_again_is_given_back(opened, monkeypatch):
    given = []
    monkeypatch.setattr("search.held.give_back", lambda: given.append(True))
    load(preset("gone"))
    rerankers.let_go([])
    rerankers.let_go([])
    assert given == [True]


def test_nothing_refers_to_a_model_that_was_let_go(tmp_path):
    model = preset("tiny", model=str(tiny_bge(tmp_path)), max_tokens=64)
    engine = rerankers.loaded(rerank_settings(model))
    weights = weakref.ref(engine.held.model)
    rerankers.let_go([])
    assert engine.score("who pays ?", ["the guest"]).shape == (1,)  # who has it in hand still gets an answer
    del engine
    gc.collect()
    assert weights() is None


def test_a_model_that_is_refused_is_not_kept_by_the_memory_of_its_failure(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(
        "search.rerankers.cross_encoder._refuse_strangers",
        lambda name, model: made.append(weakref.ref(model)) or refuse(),
    )
    settings = rerank_settings(preset("tiny", model=str(tiny_bge(tmp_path)), max_tokens=64))
    with pytest.raises(RerankError, match="being loaded"):
        rerankers.loaded_soon(settings)
    join()
    with pytest.raises(RerankError, match="a stranger"):
        rerankers.loaded_soon(settings)
    gc.collect()
    assert [weights() for weights in made] == [None]


def refuse() -> None:
    raise RerankError("It is a stranger.", permanent=True)


def join() -> None:
    for thread in threading.enumerate():
        if thread.name == "load-model":
            thread.join()


def test_a_model_that_takes_long_holds_up_no_other_and_is_loaded_once(monkeypatch, closed):
    slow, quick = (rerank_settings(preset(name)) for name in ("slow", "quick"))
    begun, finish, names = threading.Event(), threading.Event(), []

    def open_reranker(key):
        names.append(key.model)
        if key.model == "slow":
            begun.set()
            finish.wait(30)
        return Remembering(key, closed)

    monkeypatch.setattr(rerankers, "open_reranker", open_reranker)
    with pytest.raises(RerankError, match="being loaded"):
        rerankers.loaded_soon(slow)
    assert begun.wait(30)
    with pytest.raises(RerankError, match="being loaded"):
        rerankers.loaded_soon(slow)
    assert rerankers.loaded(quick).settings == quick
    finish.set()
    join()
    assert rerankers.loaded_soon(slow).settings == slow
    assert sorted(names) == ["quick", "slow"]
