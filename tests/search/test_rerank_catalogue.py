"""The reranking models that are known by name."""

import pytest

from search.models import RerankPreset
from search.presets.rerank_catalogue import SHIPPED, preset_from, shipped
from search.rerankers.qwen3 import INSTRUCTION


@pytest.mark.django_db
@pytest.mark.parametrize("one", SHIPPED, ids=lambda one: one.key)
def test_each_becomes_a_preset_that_can_be_saved(one):
    preset = preset_from(one)
    preset.full_clean()
    preset.save()
    assert RerankPreset.objects.get(name=one.name).model == one.model
    assert shipped(one.key) == one


def test_only_qwen3_takes_an_instruction_and_a_server_puts_it_itself():
    assert preset_from(shipped("qwen3-reranker-0.6b")).instruction == INSTRUCTION
    assert preset_from(shipped("bge-reranker-v2-m3")).instruction == ""
    at_a_server = preset_from(shipped("qwen3-reranker-4b"), url="http://127.0.0.1:8080/v1/rerank")
    assert (at_a_server.engine, at_a_server.instruction) == (RerankPreset.Engine.SERVER, "")


def test_keys_and_names_are_their_own():
    assert len({one.key for one in SHIPPED}) == len({one.name for one in SHIPPED}) == len(SHIPPED)
    assert shipped("unknown") is None
