"""A question that leans on the one before it is completed; one that stands alone is left alone."""

import pytest

from search.follow_up import standalone


@pytest.mark.parametrize(
    ("earlier", "question", "expected"),
    [
        ("What is the amount of total sales in 2018?", "and in 2019?", "What is the amount of total sales in 2019?"),
        ("2018年的销售额是多少？", "2019年呢？", "2019年的销售额是多少？"),
        ("Where does Alice live?", "What about Bob?", "Where does Bob live?"),
        ("Where does Alice live?", "Why?", "Why? Alice live"),
        ("Who wrote Hamlet?", "When was it written?", "When was it written? wrote Hamlet"),
        ("What is the refund policy?", "How about damaged goods?", "How about damaged goods? refund policy"),
        ("iPhone 15的屏幕多大？", "它的价格呢?", "它的价格呢? iPhone 15 屏幕多大"),
        ("公司的年假是几天？", "为什么？", "为什么？ 公司 年假"),
        ("公司的年假是几天？", "病假呢？", "病假呢？ 公司 年假"),
    ],
)
def test_a_question_that_leans_is_completed(earlier, question, expected):
    assert standalone(question, [earlier]) == expected


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "How long does it take to install the database server?",
        "How does photosynthesis work when it rains?",
        "sick leave",
        "Who is Ada Lovelace?",
        "黑豹队的防守丢了多少分？",
        "年假可以带薪休多少天？",
    ],
)
def test_a_question_that_stands_alone_is_left_alone(question):
    assert standalone(question, ["Who wrote Hamlet in 1600?"]) == question


def test_the_first_question_has_nothing_to_lean_on():
    assert standalone(" Why? ", []) == "Why?"
    assert standalone("Why?", ["", " "]) == "Why?"


def test_only_the_last_question_counts():
    assert standalone("Why?", ["Who wrote Hamlet?", "Where does Alice live?"]) == "Why? Alice live"
