"""How much of a question a model can read."""

import pytest

from search.coverage import coverage
from search.models import Preset

MINILM = Preset(model="sentence-transformers/all-MiniLM-L6-v2", dimension=384, max_tokens=256)


@pytest.mark.parametrize("question", ["How many days of vacation do I have?", "INV-2024-0031", "", "   "])
def test_an_english_model_reads_all_of_an_english_question(question):
    assert coverage(MINILM, question) == 1.0


def test_an_english_model_reads_little_of_a_chinese_question():
    assert coverage(MINILM, "员工每年享有多少天带薪年假？") < 0.6


def test_a_question_in_two_languages_is_read_in_part():
    mixed = coverage(MINILM, "请问 vacation policy 的规定是什么")
    assert coverage(MINILM, "请问的规定是什么") < mixed < 1.0


def test_a_model_whose_vocabulary_is_not_at_hand_is_trusted():
    assert coverage(Preset(model="somewhere/else", dimension=4, max_tokens=512), "年假") == 1.0
