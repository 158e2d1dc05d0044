"""An answer that says that there is none is known for that, however the model puts it; no other is taken for one."""

import pytest

from search.abstain import SENTENCES, abstains, abstention_in

NONE = [
    *SENTENCES.values(),
    "文檔中沒有這個問題的答案。",
    "**The documents do not answer this question.**",
    "The documents do not answer this question. [1][2]",
    "The documents do not answer this question",
    "I'm sorry, but the documents do not answer this question.",
    "The provided passages do not contain information about the kettle.",
    "The passages do not mention who descales the kettle [1][3].",
    "The given context doesn't say how often the kettle is descaled.",
    "None of the passages mentions a kettle.",
    "Based on the provided documents, there is no information about kettles.",
    "There is no mention of kettles in the documents.",
    "There is not enough information to answer the question.",
    "No relevant information was found.",
    "No information about kettles.",
    "I cannot answer this question based on the passages.",
    "I don't know.",
    "I could not find an answer to that in the documents.",
    "Unfortunately, the sources do not specify this.",
    "It is not mentioned in the documents.",
    "The answer is not in the provided documents.",
    "The question cannot be answered.",
    "Not mentioned in the passages.",
    "Nothing in the documents says so.",
    "Sorry. The documents do not answer this question. They are about boats and dogs and the office.",
    "## Answer\n\nThe documents do not say.",
    "根据提供的文档，无法回答这个问题。",
    "抱歉，文档中没有提到水壶的除垢周期。",
    "资料里未提及此事。",
    "在所提供的段落中没有找到相关信息。",
    "提供的内容不包含关于水壶的信息。",
    "没有找到关于水壶的相关信息。",
    "無法根據提供的資料回答這個問題。",
    "文檔未說明。",
    "我不知道。",
    "未提及。",
    "提供された文書には、やかんについての記載がありません。",
]
SOME = [
    "",
    "The kettle is descaled every month.",
    "The documents are not to be taken home.",
    "The documents do not leave the building [1].",
    "The contract documents do not include value added tax [2].",
    "There is no kettle in the office.",
    "No employee works on Sundays.",
    "Nothing is paid for parking.",
    "It is not allowed to bring dogs to the office.",
    "I see no reason to descale the kettle more than once a month.",
    "The kettle is descaled every month [1]. The documents do not say with what.",
    "The kettle is descaled every month. The documents do not say with what.",
    "The passages do not say how often, but the kettle is descaled with vinegar [1].",
    "The documents do not say how often it is done. The kettle is descaled with vinegar [1].",
    "员工每年有25天年假。",
    "办公室没有停车位。",
    "周末不能进入办公室。",
    "文件不得带出办公室。[1]",
    "没有年假的员工可以申请事假。",
    "文档中没有说明周期。水壶用醋除垢。[1]",
]


@pytest.mark.parametrize("answer", NONE)
def test_what_says_that_there_is_no_answer_abstains(answer):
    assert abstains(answer)


@pytest.mark.parametrize("answer", SOME)
def test_what_answers_does_not_abstain(answer):
    assert not abstains(answer)


def test_a_sentence_that_a_passage_bears_out_is_an_answer_even_behind_an_abstention():
    answer = "The documents do not mention a fee. Dogs are welcome in the office on Fridays."
    assert abstains(answer)
    assert abstains(answer, [None, False])
    assert not abstains(answer, [None, True])


def test_where_there_is_no_sentence_in_a_language_it_is_in_english():
    assert abstention_in("zh") == "文档中没有这个问题的答案。"
    assert abstention_in("xx") == abstention_in("en")
