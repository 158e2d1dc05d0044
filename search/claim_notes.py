"""What a page says at the sentences of an answer that their sources do not bear out, or that the model gave none."""

import re
from collections.abc import Iterator

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from search.conversations.turns import Turn

ADDED = re.compile(r" ?\[\d+\]$")


def notes_of(turn: Turn) -> list[tuple[int, SafeString]]:
    """(offset in the turn's answer, HTML) for each such sentence that the reader sees, in reading order."""
    return list(_notes(turn))


def _notes(turn: Turn) -> Iterator[tuple[int, SafeString]]:
    at = 0
    for one in turn.message.support:
        sentence = turn.message.answer[one["start"] : one["end"]]
        begin = turn.answer.find(sentence, at) if sentence else -1
        if begin < 0:
            continue  # it rests on what the reader may not see
        at = begin + len(sentence)
        said = sentence.rstrip(" \t|")
        if one.get("derived"):
            number = ADDED.search(said)
            if number:
                yield begin + number.start(), _span("cite-derived", _("added by checking:"))
        elif note := _note(one, turn):
            yield begin + len(said), note


def _note(one: dict, turn: Turn) -> SafeString | None:
    seen = ", ".join(str(number) for number in sorted(one.get("elsewhere", ())) if number in turn.by_number)
    if one["supported"] is not False:
        is_open = one["supported"] and not one["numbers"] and seen
        return _span("claim-note claim-elsewhere", _("compare %(numbers)s") % {"numbers": seen}) if is_open else None
    if seen:
        return _span("claim-note claim-elsewhere", _("stands in %(numbers)s instead") % {"numbers": seen})
    words = _("not found in its sources") if one["numbers"] else _("not found in the sources")
    return _span("claim-note claim-unsupported", words)


def _span(kind: str, words: str) -> SafeString:
    return format_html('<span class="{}" role="note">{}</span>', kind, words)
