"""The words in which Qwen3-Reranker is asked, as its model card gives them.

The model reads the prompt and its next token is "yes" or "no"; the score is the probability of "yes" of the two, the
sigmoid of the difference of their logits. https://huggingface.co/Qwen/Qwen3-Reranker-0.6B
"""

from collections.abc import Sequence

from search.rerankers import RerankSettings

INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"
PREFIX = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
)
SEAMS = 4  # tokens that may come out otherwise where question and passage meet the prompt
SUFFIX = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


def prompts(tokenizer, settings: RerankSettings, question: str, passages: Sequence[str]) -> list[str]:
    """The whole prompt for each passage; question and passage are cut so that the prompt's end is always read."""
    fixed = f"{PREFIX}<Instruct>: {settings.instruction or INSTRUCTION}\n<Query>: \n<Document>: {SUFFIX}"
    room = max(2, settings.max_tokens - len(_ids(tokenizer, fixed)) - SEAMS)
    (question,) = _cut(tokenizer, [question], room // 2)
    room -= len(_ids(tokenizer, question))
    before = f"{PREFIX}<Instruct>: {settings.instruction or INSTRUCTION}\n<Query>: {question}\n<Document>: "
    return [f"{before}{passage}{SUFFIX}" for passage in _cut(tokenizer, list(passages), room)]


def _ids(tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def _cut(tokenizer, texts: list[str], most: int) -> list[str]:
    """Each text up to so many tokens."""
    if not texts:
        return []
    read = tokenizer(
        texts, add_special_tokens=False, truncation=True, max_length=most, return_offsets_mapping=True
    )  # fmt: skip
    return [text[: spans[-1][1] if spans else 0] for text, spans in zip(texts, read["offset_mapping"], strict=True)]
