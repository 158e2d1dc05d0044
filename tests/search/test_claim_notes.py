"""Behind sentences that their sources do not bear out stands a note; nothing behind the others."""

import re

import pytest
from django.template.loader import render_to_string

from search.bear_out import held
from search.conversations.turns import turn_of
from search.models import Citation, Conversation, Message
from search.passage import Passage
from tests.search.library import add_document, make_index

TEXTS = ("Every boat pays twelve crowns a week.", "Dogs are welcome in the office on Fridays.")


@pytest.fixture
def shown(handbook, alice):
    """Shows Alice an answer that cites the two texts."""
    document = add_document(make_index(handbook), *TEXTS)
    passages = [Passage(one.pk, document.pk, handbook.pk, "", one.text, one.start, one.end) for one in document.listed]

    def show(answer: str) -> str:
        answered = held(answer, passages)
        message = Message.objects.create(
            conversation=Conversation.objects.create(user=alice), question="?", answer=answered.text,
            is_answered=True, support=[one.as_json() for one in answered.supports],
        )  # fmt: skip
        for number, one in enumerate(document.listed, 1):
            Citation.objects.create(
                message=message, number=number, document=document, title="", text=one.text, start=one.start, end=one.end
            )
        return render_to_string("search/_answer.html", {"turn": turn_of(message, alice)})

    return show


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        ("Every boat pays twelve crowns a week [1].", None),
        ("Every boat pays 14 crowns a week [1].", "not found in its sources"),
        ("Dogs are welcome in the office on Fridays [1].", "stands in 2 instead"),
        ("The mayor of the town collects stamps.", "not found in the sources"),
    ],
)
def test_a_note_says_what_is_not_borne_out(shown, answer, note):
    html = shown(f"{answer}\n\nDogs are welcome in the office [2].")
    assert re.findall(r'role="note">([^<]*)<', html) == ([note] if note else [])


def test_a_note_in_a_table_stays_in_its_cell(shown):
    html = shown("| What is paid | How much |\n|---|---|\n| every boat a week | 14 crowns [1] |")
    assert re.search(r'role="note">[^<]*</span></td>', html)


@pytest.mark.parametrize(
    "answer",
    ["Dogs are welcome in the office on Fridays.", "| Dogs |\n|---|\n| are welcome in the office on Fridays |"],
)
def test_before_a_number_that_checking_added_stands_that_it_did(shown, answer):
    html = shown(answer)
    assert re.search(r'role="note">added by checking:</span> <span class="cite"><a class="citation"[^>]*>2<', html)
    assert html.count('role="note"') == 1


def test_nothing_stands_before_a_number_of_the_models(shown):
    assert "added by checking" not in shown("Dogs are welcome in the office on Fridays [2].")
