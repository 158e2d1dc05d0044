"""Reranking in this process: the models' own loading path, their own words, and a deadline."""

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, Qwen3ForCausalLM, XLMRobertaForSequenceClassification

from search.rerankers import RerankError, RerankSettings, open_reranker
from search.rerankers.qwen3 import PREFIX, SUFFIX, prompts
from tests.search.tiny_rerankers import tiny_bge, tiny_qwen3_reranker

QUESTION = "who pays for the hotel ?"
PASSAGES = ["the guest pays", "a train is here", "the guest pays for the hotel and the train and the hotel"]


@pytest.fixture(scope="session")
def bge(tmp_path_factory):
    return tiny_bge(tmp_path_factory.mktemp("bge"))


@pytest.fixture(scope="session")
def qwen3(tmp_path_factory):
    return tiny_qwen3_reranker(tmp_path_factory.mktemp("qwen3"))


def opened(folder, **options):
    return open_reranker(RerankSettings("cross_encoder", str(folder), device="cpu", seconds=60, **options))


def test_a_pair_has_the_score_that_the_model_gives_it_by_hand(bge):
    model = XLMRobertaForSequenceClassification.from_pretrained(bge).eval()
    tokenizer = AutoTokenizer.from_pretrained(bge)
    with torch.inference_mode():
        by_hand = [
            torch.sigmoid(model(**tokenizer(QUESTION, text, return_tensors="pt")).logits[0, 0]).item()
            for text in PASSAGES
        ]
    assert opened(bge, max_tokens=64).score(QUESTION, PASSAGES) == pytest.approx(by_hand, abs=1e-5)
    assert len(set(np.round(by_hand, 5))) == len(PASSAGES)


def test_qwen3_is_asked_in_its_own_words_and_its_score_is_the_probability_of_yes(qwen3):
    model = Qwen3ForCausalLM.from_pretrained(qwen3).eval()
    tokenizer = AutoTokenizer.from_pretrained(qwen3)
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])
    by_hand = []
    for text in PASSAGES:
        prompt = f"{PREFIX}<Instruct>: Find it\n<Query>: {QUESTION}\n<Document>: {text}{SUFFIX}"
        ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
        with torch.inference_mode():
            logits = model(**ids).logits[0, -1, [no, yes]]
        by_hand.append(torch.softmax(logits, 0)[1].item())
    scores = opened(qwen3, max_tokens=256, instruction="Find it").score(QUESTION, PASSAGES)
    assert scores == pytest.approx(by_hand, abs=1e-5)
    assert len(set(np.round(by_hand, 5))) == len(PASSAGES)


def test_the_end_of_the_prompt_is_read_however_long_question_and_passage_are(qwen3):
    tokenizer = AutoTokenizer.from_pretrained(qwen3)
    settings = RerankSettings("cross_encoder", str(qwen3), max_tokens=128)
    made = prompts(tokenizer, settings, "who pays " * 300, ["the hotel " * 500, "a train"])
    assert all(prompt.endswith(SUFFIX) for prompt in made)
    assert all(len(tokenizer(prompt)["input_ids"]) <= 128 for prompt in made)
    assert all("the hotel" in made[0] and "who pays" in prompt for prompt in made)


@pytest.mark.parametrize("model", ["bge", "qwen3"])
def test_scores_do_not_depend_on_the_batch(model, request, settings):
    folder = request.getfixturevalue(model)
    together = opened(folder, max_tokens=128 if model == "qwen3" else 64).score(QUESTION, PASSAGES)
    settings.KB_BATCH_TOKENS = 1  # a batch each
    alone = opened(folder, max_tokens=128 if model == "qwen3" else 64).score(QUESTION, PASSAGES)
    assert together == pytest.approx(alone, abs=1e-5)


def test_what_is_too_long_is_read_from_its_beginning(bge):
    engine = opened(bge, max_tokens=32)
    long = "the guest pays for the hotel and " * 50
    assert engine.score(QUESTION, [long]) == pytest.approx(engine.score(QUESTION, [long + "a train is here"]), abs=1e-6)


def test_out_of_memory_goes_on_by_halves(bge, monkeypatch):
    engine = opened(bge, max_tokens=64)
    expected, forward = engine.score(QUESTION, PASSAGES), engine._forward

    def small(inputs):
        if len(inputs) > 1:
            raise torch.OutOfMemoryError
        return forward(inputs)

    monkeypatch.setattr(engine, "_forward", small)
    budget = engine.held.budget
    assert engine.score(QUESTION, PASSAGES) == pytest.approx(expected, abs=1e-5)
    assert 512 <= engine.held.budget < budget  # so that the next question does not begin with what was too much


def test_who_cannot_wait_gets_no_scores(bge):
    with pytest.raises(RerankError, match=r"too slow|busy"):
        opened(bge, max_tokens=64).score(QUESTION, PASSAGES, seconds=0.0)


def test_another_question_is_not_waited_for_beyond_the_deadline(bge):
    engine = opened(bge, max_tokens=64)
    with engine.held.one_at_a_time, pytest.raises(RerankError, match="busy"):
        engine.score(QUESTION, PASSAGES, seconds=0.01)


def test_one_model_serves_settings_that_read_more_or_are_told_something_else(bge, qwen3):
    """As if each had loaded its own."""
    long = ["the guest pays for the hotel and " * 3, *PASSAGES]
    for folder, one, other in (
        (bge, {"max_tokens": 64}, {"max_tokens": 16}),
        (qwen3, {"max_tokens": 256}, {"max_tokens": 128, "instruction": "Find it"}),
    ):
        first, second = opened(folder, **one), opened(folder, **other)
        expected = second.score(QUESTION, long)
        shared = first.using(second.settings)
        assert shared.held is first.held
        assert shared.score(QUESTION, long) == pytest.approx(expected, abs=1e-6)
        assert first.score(QUESTION, long) != pytest.approx(expected, abs=1e-4)
        with first.held.one_at_a_time, pytest.raises(RerankError, match="busy"):
            shared.score(QUESTION, PASSAGES, seconds=0.01)


def test_a_model_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RerankError, match="is not on this machine") as caught:
        opened("/no/such/model")
    assert caught.value.permanent
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RerankError, match="cannot be loaded"):
        opened(tmp_path)


def test_a_model_with_several_answers_is_no_reranker(tmp_path):
    with pytest.raises(RerankError, match="not a reranking model"):
        opened(tiny_bge(tmp_path, labels=3))
