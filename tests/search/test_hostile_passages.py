"""Whatever a passage, a title or a heading says, it stays data in what a language model is told."""

import re
import uuid

import pytest

from search.chat.prompt import pack, quote
from search.passage import Passage
from tests.browser.hostile import TEXTS

CONTROL = re.compile(r"<\|[^>\n]{1,40}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<｜[^>\n]{1,40}｜>|</?s>")
TAG = re.compile(r"<\s*/?\s*passages?\b", re.I)
OURS = re.compile(r'^<passage number="\d+" document="[^"\n]*">$|^</passage>$', re.M)


def hostile(text: str, at: str) -> Passage:
    parts = {"title": "Plain", "text": "Plain.", "heading_path": ()} | {at: (text,) if at == "heading_path" else text}
    return Passage(1, uuid.uuid4(), uuid.uuid4(), start=0, end=len(parts["text"]), **parts)


@pytest.mark.parametrize("at", ["text", "title", "heading_path"])
@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_no_passage_can_end_itself_or_begin_another(number, at):
    quoted = quote(1, hostile(TEXTS[number], at))
    assert len(OURS.findall(quoted)) == 2
    assert len(TAG.findall(quoted)) == 2
    assert not CONTROL.search(quoted)
    assert quoted.startswith('<passage number="1" document="') and quoted.endswith("\n</passage>")


def test_all_of_them_together_are_as_many_passages_as_were_packed():
    packed = pack("What is the fee?", [hostile(text, "text") for text in TEXTS], budget=200_000)
    *_, asked = packed.turns
    body = asked["content"]
    assert len(packed.passages) == len(TEXTS)
    assert body.count("<passages>") == body.count("</passages>") == 1
    assert len(TAG.findall(body)) == 2 * len(TEXTS) + 2
    assert body.endswith("</passages>\n\nQuestion: What is the fee?")
    assert [turn["role"] for turn in packed.turns] == ["system", "user"]
