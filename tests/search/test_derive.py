"""A sentence that cites nothing gets the number of the passage that has its words, and is told from the others."""

import uuid

import numpy as np
import pytest

from search.cite import numbers_in
from search.claims import claims_of
from search.derive import lacks_numbers, numbered
from search.passage import Passage
from search.support import NEUTRAL, supports_of

TEXTS = (
    "Every boat pays twelve crowns a week. Boats longer than 20 metres pay 30 crowns.",
    "Dogs are welcome in the office on Fridays. Cats are not.",
    "员工每年有25天年假。办公室六点关门。",
    "The fee of twelve crowns, which every boat pays, is due each week at the harbour office.",
)
PASSAGES = [Passage(1, uuid.uuid4(), uuid.uuid4(), "", text, 0, len(text)) for text in TEXTS]


def derived(answer: str, embed=None):
    return numbered(answer, supports_of(answer, PASSAGES, embed))


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Every boat pays twelve crowns a week.", "Every boat pays twelve crowns a week. [1]"),
        ("Dogs are welcome on Fridays in the office", "Dogs are welcome on Fridays in the office [2]"),
        ("员工每年有25天年假。", "员工每年有25天年假。[3]"),
        ("Dogs are welcome in the office. Fridays are when dogs are welcome.",
         "Dogs are welcome in the office. Fridays are when dogs are welcome. [2]"),
        ("Boats longer than 20 metres pay 30 crowns. Dogs are welcome on Fridays.",
         "Boats longer than 20 metres pay 30 crowns. [1] Dogs are welcome on Fridays. [2]"),
        ("- Every boat pays twelve crowns a week.\n- Dogs are welcome on Fridays.\n",
         "- Every boat pays twelve crowns a week. [1]\n- Dogs are welcome on Fridays. [2]\n"),
        ("| Who | What |\n|---|---|\n| boats longer than 20 metres | 30 crowns |",
         "| Who | What |\n|---|---|\n| boats longer than 20 metres | 30 crowns [1] |"),
        ("Every boat pays **twelve crowns a week.**", "Every boat pays **twelve crowns a week.** [1]"),
        ("Write `Every boat pays twelve crowns. Dogs are welcome in the office.`",
         "Write `Every boat pays twelve crowns. Dogs are welcome in the office.` [2]"),
    ],
)  # fmt: skip
def test_a_passage_that_has_its_words_is_cited_for_it(written, kept):
    text, supports = derived(written)
    assert text == kept
    assert [text[one.start : one.end] for one in supports] == [text[one.start : one.end] for one in claims_of(text)]
    assert all(one.derived for one in supports if one.supported)


@pytest.mark.parametrize(
    "answer",
    [
        "Every boat pays 14 crowns a week.",
        "The mayor collects old stamps in the evening.",
        "Every boat pays twelve crowns a week [4].",
        "Every boat pays twelve crowns a week [2].",
        "In short:",
        "The documents do not say what a sailor earns.",
        "```\nEvery boat pays twelve crowns a week.\n```",
        "",
    ],
)
def test_nothing_is_put_where_no_passage_has_it_or_the_model_has_cited_one(answer):
    text, supports = derived(answer)
    assert numbers_in(text) == numbers_in(answer)
    assert not any(one.derived for one in supports)


def test_what_is_only_near_in_meaning_gets_no_number():
    def embed(texts):
        return np.array([[1.0, 0.0] if text in NEUTRAL else [0.0, 1.0] for text in texts], np.float32)

    answer = "Vessels hand over twelve crowns as weekly berth money."
    text, (support,) = derived(answer, embed)
    assert text == answer
    assert (support.supported, support.derived) == (True, False)


def test_the_passage_that_has_most_of_it_is_the_first_of_those_that_bear_it_out():
    (support,) = supports_of("Every boat pays the fee of twelve crowns each week at the office.", PASSAGES)
    assert support.elsewhere[0] == 4 and 1 in support.elsewhere


def test_whether_an_answer_lacks_numbers():
    assert lacks_numbers("Every boat pays twelve crowns [1].\n\nDogs are welcome on Fridays.")
    assert not lacks_numbers("In short:\n\n- Every boat pays twelve crowns [1].\n- Dogs are welcome on Fridays [2].")
