"""What a page says behind the sentences of an answer that their sources do not bear out."""

from collections.abc import Iterator

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from search.turns import Turn


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
        note = _note(one, turn) if one["supported"] is False else None
        if note:
            yield begin + len(sentence.rstrip(" \t|")), note


def _note(one: dict, turn: Turn) -> SafeString:
    seen = [str(number) for number in one.get("elsewhere", ()) if number in turn.by_number]
    if seen:
        return _span("claim-elsewhere", _("stands in %(numbers)s instead") % {"numbers": ", ".join(seen)})
    words = _("not found in its sources") if one["numbers"] else _("not found in the sources")
    return _span("claim-unsupported", words)


def _span(kind: str, words: str) -> SafeString:
    return format_html('<span class="claim-note {}" role="note">{}</span>', kind, words)
