"""Which sentences of an answer its passages bear out: pure, without a database or a model."""

import uuid

import numpy as np
import pytest

from search.claims import claims_of
from search.passage import Passage
from search.support import NEUTRAL, numbers_said, supports_of

FEES = (
    "Every boat pays twelve crowns a week. Boats longer than 20 metres pay 30 crowns. "
    "Norvale opened its harbour in 1887."
)
DOGS = "Dogs are welcome in the office on Fridays. Cats are not."
CHINESE = "员工每年有25天年假。办公室六点关门。停车每月收费十二元。"


def passage(text: str, title: str = "") -> Passage:
    return Passage(1, uuid.uuid4(), uuid.uuid4(), title, text, 0, len(text))


PASSAGES = [passage(FEES, "Harbour"), passage(DOGS), passage(CHINESE)]


def told(answer: str, embed=None) -> list[bool | None]:
    return [one.supported for one in supports_of(answer, PASSAGES, embed)]


@pytest.mark.parametrize(
    ("answer", "supported"),
    [
        ("Every boat pays twelve crowns a week [1].", True),
        ("Every boat pays 12 crowns a week. [1]", True),
        ("Boats that are longer than 20 metres pay **30 crowns** [1].", True),
        ("Every boat pays 13 crowns a week [1].", False),
        ("Every boat pays thirteen crowns a week [1].", False),
        ("Boats longer than 25 metres pay 30 crowns [1].", False),
        ("The harbour of Norvale opened in 1887 [1].", True),
        ("The harbour of Norvale opened in 1888 [1].", False),
        ("The harbour that Hamburg opened in 1887 pays crowns [1].", False),
        ("Every boat pays twelve crowns a week [2].", False),
        ("Every sailor sings loud songs at night [1].", False),
        ("员工每年有25天年假。[3]", True),
        ("员工每年有30天年假。[3]", False),
        ("停车每月收费12元 [3]。", True),
        ("狗可以坐飞机去北京旅行 [3]。", False),
        ("# Fees of the harbour and its boats", None),
        ("In short:", None),
        ("What does every boat of the harbour pay?", None),
        ("The documents do not say what a sailor earns.", None),
        ("文档中没有说明水手的工资。", None),
        ("Yes.", None),
    ],
)
def test_a_sentence_is_held_against_what_it_cites(answer, supported):
    assert told(answer) == [supported]


def test_what_another_passage_says_is_noted():
    (one,) = supports_of("Dogs are welcome in the office on Fridays [1].", PASSAGES)
    assert (one.supported, one.numbers, one.elsewhere) == (False, (1,), (2,))


def test_what_cites_nothing_is_borne_out_by_whichever_passage_says_it():
    said, unsaid = supports_of("Cats are not welcome on Fridays.\n\nCats are welcome on Mondays, Tuesdays.", PASSAGES)
    assert (said.supported, said.elsewhere) == (True, (2,))
    assert (unsaid.supported, unsaid.elsewhere) == (False, ())


def test_a_number_behind_several_sentences_stands_for_all_of_them():
    supports = supports_of("Every boat pays twelve crowns. Boats longer than 20 metres pay 30 crowns. [1]", PASSAGES)
    assert [(one.numbers, one.supported) for one in supports] == [((1,), True), ((1,), True)]


def test_offsets_are_those_of_the_answer():
    answer = "- Every boat pays twelve crowns. [1] Dogs are welcome on Fridays [2].\n\n"
    answer += "```\nx = 1\n```\n\nCats are not welcome."
    assert [answer[one.start : one.end] for one in claims_of(answer)] == [
        "- Every boat pays twelve crowns. [1]", "Dogs are welcome on Fridays [2].", "Cats are not welcome.",
    ]  # fmt: skip


def test_rows_of_a_table_claim_and_its_header_does_not():
    answer = "| Boat and its length | Fee in crowns |\n|---|---|\n| longer than 20 metres | 30 crowns [1] |"
    assert [one for one in told(answer) if one is not None] == [True]


def test_meaning_bears_out_what_other_words_say_and_never_another_number():
    def embed(texts):
        """Two directions: what is neutral, and the rest."""
        return np.array([[1.0, 0.0] if text in NEUTRAL else [0.0, 1.0] for text in texts], np.float32)

    paraphrase = "Vessels hand over twelve crowns as weekly berth money [1]."
    assert told(paraphrase) == [False]
    assert told(paraphrase, embed) == [True]
    assert told(paraphrase.replace("twelve", "14"), embed) == [False]


def test_a_model_is_not_asked_where_words_settle_it():
    def embed(texts):
        raise AssertionError

    assert told("Every boat pays twelve crowns a week [1].", embed) == [True]


def test_only_what_meaning_may_decide_is_embedded():
    seen = []

    def embed(texts):
        seen.extend(texts)
        return np.ones((len(texts), 2), np.float32)

    paraphrase = "Vessels hand over twelve crowns as weekly berth money"
    told(f"Dogs are welcome in the office on Fridays [2]. {paraphrase} [1].", embed)
    in_another_script = "员工每年有25天年假。 办公室六点关门。 停车每月收费十二元。"
    assert seen == [*NEUTRAL, f"{paraphrase}.", FEES, in_another_script]


def test_numbers_are_the_same_in_digits_words_and_chinese_numerals():
    assert numbers_said("1,200 boats, twelve crowns, 三十五元, 十二") == {"1200", "12", "35"}
