"""Which sentences answer a question, and how they are written down."""

import uuid
from dataclasses import replace
from html import escape as escaped

import pytest

from search.answerable import USUAL, Signs, is_answerable
from search.choose import choose, weigh_up, with_similarity
from search.compose import compose, escape, fenced
from search.markdown import html_of
from search.passage import Part, Passage
from search.terms import Rarity, bag_of, coverage, stem, terms_of, weigh


def passage(text, title=""):
    return Passage(
        chunk_id=1, document_id=uuid.uuid4(), knowledge_base_id=uuid.uuid4(), title=title, text=text, start=0,
        end=len(text),
    )  # fmt: skip


def answer(question, *texts):
    return "\n\n".join(compose(choose(weigh_up(question, [passage(text) for text in texts]).candidates)))


LEAVE = "Offices close at six. Every employee has 25 days of annual leave. Parking is free."
DOGS = "Dogs are welcome on Fridays. Cats are not."


def test_the_sentence_that_has_the_questions_words_is_chosen_with_its_number():
    assert answer("How many days of annual leave does an employee have?", DOGS, LEAVE) == (
        "Every employee has 25 days of annual leave. [2]"
    )


def test_a_chinese_question_is_answered_by_pairs_of_characters():
    found = answer("员工每年有多少天年假？", "办公室六点关门。员工每年有25天年假。停车免费。", "星期五可以带狗。")
    assert found == "员工每年有25天年假。 [1]"


def test_sentences_of_one_passage_stay_in_reading_order():
    text = "The pump starts by itself. It rains. The pump stops when the tank is full."
    assert answer("When does the pump start and when does the pump stop for a full tank?", text) == (
        "The pump starts by itself. [1] The pump stops when the tank is full. [1]"
    )


def test_neighbours_share_a_number():
    text = "The pump starts by itself. The pump stops when the tank is full."
    assert answer("When does the pump start and stop?", text).count("[1]") == 1


def test_what_two_passages_say_alike_is_said_once():
    assert answer("Are dogs welcome on Fridays?", DOGS, DOGS) == "Dogs are welcome on Fridays. [1]"


def test_meaning_can_put_another_sentence_first():
    evidence = weigh_up("How much holiday do people get?", [passage(DOGS), passage(LEAVE)])
    similar = [0.9 if "annual leave" in one.sentence.text else 0.1 for one in evidence.candidates]
    assert choose(with_similarity(evidence, similar).candidates)[0].sentence.text.startswith("Every employee")


def test_a_sentence_that_ends_in_a_colon_brings_its_list_and_code():
    code = "```\nserver start\nserver status;\n```"
    text = f"It is a tool.\n\nTo restart the server:\n\n- stop it\n- wait\n\n{code}\n\nThat was all."
    assert answer("How do I restart the server?", text) == (
        f"To restart the server: [1]\n\n- stop it [1]\n- wait [1]\n\n{code}\n[1]"
    )


def test_rows_of_a_table_are_a_list():
    found = answer(
        "What is the price of the pump?", "Part: pump; Price: 20\nPart: tank; Price: 30\n| pump | price 20 |"
    )
    assert "- Part: pump; Price: 20 [1]" in found
    assert "- pump | price 20 [1]" in answer("What is the price of the pump?", "| pump | price 20 |")


def test_markup_in_a_passage_stays_text():
    found = answer("Is the hostile text [3] shown?", 'Hostile text: <script>alert("x")</script> **is** [3] shown.')
    assert found == 'Hostile text: \\<script\\>alert("x")\\</script\\> \\*\\*is\\*\\* \\[3\\] shown. [1]'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# no heading", "\\# no heading"),
        ("1. no list", "1\\. no list"),
        ("- no item", "\\- no item"),
        ("> no quote", "\\> no quote"),
        ("a_b `c` &lt;", "a\\_b \\`c\\` \\&lt;"),
        ("3.5 - 2 = 1.5 & more!", "3.5 - 2 = 1.5 & more!"),
    ],
)
def test_escaped_text_shows_as_it_is(text, expected):
    assert escape(text) == expected


def test_the_page_shows_hostile_text_as_it_stands_in_the_passage():
    hostile = r"Hostile text: <b> **is** [3] `x` a_b 1. *no* &lt; $x^2$ \(y\) \[\frac{1}{2}\] [a](http://b.c) shown."
    assert html_of(answer("Is the hostile text shown?", hostile), {}) == f"<p>{escaped(hostile)} </p>\n"


def test_the_page_shows_code_that_holds_a_fence_as_one_block():
    assert html_of(fenced("a\n```\n[9] b") + "\n[1]", {}) == "<pre><code>a\n```\n[9] b\n</code></pre>\n<p></p>\n"


def test_no_code_can_close_its_own_block():
    assert fenced("a\n```\n[1] b") == "````\na\n```\n[1] b\n````"
    assert fenced("```python\na\n```") == "```\na\n```"


def test_terms_are_stems_numbers_and_pairs():
    assert terms_of("How many cities did Bob's plans cover in 1,200?") == ["citi", "bob", "plan", "cover", "1200"]
    assert terms_of("泡泡战士的价格是多少？") == ["泡泡", "泡战", "战士", "价格"]
    assert {"和", "共和", "和国"} <= bag_of("共和国")
    assert stem("stopped") == stem("stops") == stem("stopping") == stem("stop")


def test_a_rare_word_weighs_more_than_a_common_one():
    weights = weigh(["rare", "common"], [["rare", "common"]], Rarity(1000, {"rare": 2, "common": 900}))
    assert weights["rare"] > 5 * weights["common"]
    assert coverage(weights, ["rare"]) > 0.8
    assert coverage({}, ["rare"]) == 0


def test_the_covered_share_means_the_same_in_few_passages_and_in_many():
    few = weigh(["pump", "valve"], [["pump"]] * 2, Rarity())
    many = weigh(["pump", "valve"], [["pump"]] * 2, Rarity(100_000, {"pump": 60}))
    assert abs(coverage(few, ["pump"]) - coverage(many, ["pump"])) < 0.15


@pytest.mark.parametrize("question", ["", "the of", "？", "Why?"])
def test_a_question_without_words_chooses_nothing_worse_than_an_error(question):
    evidence = weigh_up(question, [passage(LEAVE)])
    assert evidence.covered == 0
    assert not is_answerable(Signs(evidence.covered, None, is_cjk=False), USUAL)
    assert weigh_up(question, []).candidates == ()


def test_two_words_that_a_passage_writes_as_one_are_understood():
    found = weigh_up("How do I back up the data?", [passage("Backup: copy the data folder. Back doors are painted.")])
    assert found.candidates[0].sentence.text.startswith("Backup")


def test_a_page_of_nothing_but_a_heading_answers_with_it():
    text = "The fjord is 1,308 metres deep."
    found = replace(passage(text), parts=(Part(0, len(text), "heading", None, ()),))
    assert weigh_up("How deep is the fjord?", [found]).candidates[0].sentence.text == text
